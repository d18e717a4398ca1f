package org.tp4j.device;

import java.util.Objects;
import java.util.Optional;

/**
 * What a reduction adds after its parts, in the accumulator's dtype and in this order.
 *
 * @param bias (1, columns), added to every row
 * @param residual (rows, columns), added element by element
 */
public record Addends(Optional<DeviceMatrix> bias, Optional<DeviceMatrix> residual) {
    /** Nothing. */
    public static final Addends NONE = new Addends(Optional.empty(), Optional.empty());

    public Addends {
        Objects.requireNonNull(bias, "bias");
        Objects.requireNonNull(residual, "residual");
    }

    /** Whether nothing is added. */
    public boolean isNone() {
        return bias.isEmpty() && residual.isEmpty();
    }
}
