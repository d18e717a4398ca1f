package org.tp4j.comm;

import java.util.Objects;
import java.util.Optional;
import org.tp4j.device.Addends;
import org.tp4j.placement.Group;
import org.tp4j.placement.Placement;
import org.tp4j.placement.Replicated;

/**
 * What rides on a reduction: {@code bias} is added to every token and {@code residual} elementwise, once, in the
 * accumulator, before the one rounding to the activation's dtype.
 *
 * @param <P> the placement of the reduction's result, and so of the residual
 */
public final class Epilogue<P extends Placement> {
    private final Optional<Replicated> bias;
    private final Optional<P> residual;

    private Epilogue(Optional<Replicated> bias, Optional<P> residual) {
        this.bias = bias;
        this.residual = residual;
    }

    /** Adds nothing. */
    public static <P extends Placement> Epilogue<P> none() {
        return new Epilogue<>(Optional.empty(), Optional.empty());
    }

    /**
     * Adds a bias.
     *
     * @param bias (1, features)
     */
    public static <P extends Placement> Epilogue<P> bias(Replicated bias) {
        return new Epilogue<>(Optional.of(bias), Optional.empty());
    }

    /**
     * Adds a residual too.
     *
     * @param addend placed as the reduction's result
     * @param <Q> its placement
     */
    public <Q extends Placement> Epilogue<Q> residual(Q addend) {
        return new Epilogue<>(bias, Optional.of(Objects.requireNonNull(addend, "addend")));
    }

    /** The residual, if there is one. */
    public Optional<P> residual() {
        return residual;
    }

    Addends addends() {
        if (bias.isEmpty() && residual.isEmpty()) {
            return Addends.NONE;
        }
        return new Addends(
                bias.map(b -> b.matrix().checked()),
                residual.map(r -> r.matrices().get(0).checked()));
    }

    /** As messages say it after the name of the reduction. */
    String suffix() {
        if (residual.isPresent()) {
            return bias.isPresent() ? " + bias + residual" : " + residual";
        }
        return bias.isPresent() ? " + bias" : "";
    }

    /**
     * Checks that what is added fits the reduction's result.
     *
     * @throws IllegalArgumentException if it does not
     */
    void check(long tokens, Placement reduced) {
        long features = reduced.features();
        Group group = reduced.member().group();
        if (bias.isPresent() && !fits(bias.get(), 1, features, group)) {
            throw new IllegalArgumentException("the bias is " + bias.get().matrix() + " on "
                    + bias.get().member().group() + ", but the sum has " + features + " features on " + group
                    + ": the bias must be (1, " + features + ") on these ranks");
        }
        if (residual.isPresent() && !fits(residual.get(), tokens, features, group)) {
            throw new IllegalArgumentException(
                    "the residual is (" + residual.get().tokens() + ", "
                            + residual.get().features() + ") on "
                            + residual.get().member().group() + ", but the sum is ("
                            + tokens + ", " + features + ") on " + group + ": they must be equal");
        }
    }

    private static boolean fits(Placement addend, long tokens, long features, Group group) {
        return addend.tokens() == tokens
                && addend.features() == features
                && addend.member().group().covers(group);
    }
}
