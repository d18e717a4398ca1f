package org.tp4j.placement;

import java.util.List;
import org.tp4j.device.DeviceMatrix;
import org.tp4j.tensor.DType;

/** One rank's part of an activation (tokens, features) that lies over a group of ranks. */
public sealed interface Placement permits Replicated, FeatureSharded, TokenSharded, Partial {
    /** Whose part this is. */
    Member member();

    /** The number format of the activation. */
    DType dtype();

    /** Number of tokens of the whole activation. */
    long tokens();

    /** Number of features of the whole activation. */
    long features();

    /** The matrices that this rank holds of it. */
    List<DeviceMatrix> matrices();
}
