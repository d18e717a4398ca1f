package org.tp4j.verify;

import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.tp4j.comm.World;
import org.tp4j.device.Nonlinearity;
import org.tp4j.device.OutOfDeviceMemoryException;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.NativeLibraryException;
import org.tp4j.tensor.OutOfHostMemoryException;
import org.tp4j.tensor.WeightLayout;

/** One law, on one world size, dtype and shape, with the layers that its seed generates. */
record Trial(Law law, Worlds worlds, int worldSize, DType dtype, Shape shape, WeightLayout layout, long seed) {
    /** Checks the law; a layer that cannot be computed at all breaks it, unless the machine is too small for it. */
    LawResult check() {
        Finding finding;
        try {
            finding = law.find(this);
        } catch (RuntimeException e) {
            if (isShortage(e)) {
                throw e;
            }
            finding = new Finding(false, e.toString());
        }
        return new LawResult(law, worldSize, dtype, law.describe(shape), finding.passed(), finding.detail());
    }

    /** Whether the machine lacked memory, threads or libraries, which says nothing of the law. */
    private static boolean isShortage(Throwable failure) {
        return failure instanceof Error
                || failure instanceof OutOfHostMemoryException
                || failure instanceof OutOfDeviceMemoryException
                || failure instanceof NativeLibraryException
                || (failure.getCause() != null && isShortage(failure.getCause()));
    }

    World world() {
        return worlds.of(worldSize);
    }

    /** What a plain world of this size promises. */
    Arithmetic arithmetic() {
        return Arithmetic.of(world().device(0), dtype, worldSize);
    }

    LinearProblem integers() {
        return new ExactIntegers(seed).linear(dtype, shape.tokens(), shape.in(), shape.out(), layout);
    }

    /** Two layers of the same sizes, without their biases. */
    List<LinearProblem> twoWithoutBias() {
        return Stream.of(seed, ~seed)
                .map(each -> new ExactIntegers(each).linear(dtype, shape.tokens(), shape.in(), shape.out(), layout))
                .map(p -> new LinearProblem(p.x(), p.w(), p.layout(), Optional.empty()))
                .toList();
    }

    LinearProblem cancellingIntegers() {
        return new ExactIntegers(seed).cancelling(dtype, shape.tokens(), shape.in(), shape.out(), layout);
    }

    LinearProblem reals() {
        return new RandomReals(seed).linear(dtype, shape.tokens(), shape.in(), shape.out(), layout);
    }

    MlpProblem integerMlp(boolean gated) {
        return new ExactIntegers(seed)
                .mlp(dtype, shape.tokens(), shape.in(), shape.hidden(), shape.out(), layout, Nonlinearity.RELU, gated);
    }

    MlpProblem realMlp(Nonlinearity f, boolean gated) {
        return new RandomReals(seed)
                .mlp(dtype, shape.tokens(), shape.in(), shape.hidden(), shape.out(), layout, f, gated);
    }
}
