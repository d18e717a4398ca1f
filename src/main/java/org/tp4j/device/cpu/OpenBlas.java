package org.tp4j.device.cpu;

import java.util.List;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerPointer;
import org.bytedeco.openblas.global.openblas_nolapack;
import org.bytedeco.openblas.presets.openblas_nolapack.SetNumThreads;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.WeightLayout;

/**
 * The OpenBLAS library, on one thread per call. See the <a
 * href="https://www.netlib.org/blas/blast-forum/cblas.tgz">CBLAS interface</a>.
 */
final class OpenBlas {
    /** The tables of kernels that OpenBLAS may choose from at load time, by their symbols' suffixes. */
    private static final List<String> KERNEL_SETS =
            List.of(("PRESCOTT ATOM CORE2 PENRYN DUNNINGTON NEHALEM SANDYBRIDGE HASWELL"
                            + " SKYLAKEX COOPERLAKE SAPPHIRERAPIDS OPTERON OPTERON_SSE3 BARCELONA BOBCAT BULLDOZER PILEDRIVER"
                            + " STEAMROLLER EXCAVATOR ZEN NANO ARMV8 CORTEXA53 CORTEXA55 CORTEXA57 CORTEXA72 CORTEXA73 CORTEXA76"
                            + " NEOVERSEN1 NEOVERSEN2 NEOVERSEV1 ARMV8SVE ARMV9SME A64FX THUNDERX THUNDERX2T99 THUNDERX3T110"
                            + " TSV110 EMAG8180 FALKOR VORTEX VORTEXM4")
                    .split(" "));

    /**
     * OpenBLAS ends the process when more threads are inside it than it has working memory for, which is 64 in this
     * build; and more threads than processors gain nothing.
     */
    private static final int MOST_CALLS = 64;

    private final Semaphore calls =
            new Semaphore(Math.max(2, Math.min(Runtime.getRuntime().availableProcessors(), MOST_CALLS)));

    private OpenBlas() {
        Loader.load(openblas_nolapack.class);
        useOneThread();
    }

    /**
     * JavaCPP's own {@code blas_set_num_threads} does the same through a pointer with a deallocator, which it refuses to
     * make where the process holds more than four times {@code -Xmx}. This one lies in memory of ours: one C pointer, and
     * one that JavaCPP uses for calls of Java.
     */
    private static void useOneThread() {
        Pointer place = Pointer.calloc(2, Long.BYTES);
        try {
            new SetNumThreads(place)
                    .put(Loader.addressof("openblas_set_num_threads"))
                    .call(1);
        } finally {
            Pointer.free(place);
        }
    }

    /**
     * The library of this process.
     *
     * @throws LinkageError if it cannot be loaded
     */
    static OpenBlas loaded() {
        return Loaded.LIBRARY;
    }

    private static final class Loaded {
        static final OpenBlas LIBRARY = new OpenBlas();
    }

    /** Version and kernels in use, e.g. {@code OpenBLAS 0.3.31 SKYLAKEX}. */
    String name() {
        return openblas_nolapack.OPENBLAS_VERSION.strip()
                + kernelSet().map(set -> " " + set).orElse("");
    }

    /** {@code y = x W^T + beta y} or {@code y = x W + beta y}; every size at least 1. */
    void multiply(Operand x, Operand w, WeightLayout layout, int beta, Operand y) {
        calls.acquireUninterruptibly();
        try {
            if (y.dtype() == DType.F64) {
                multiplyDoubles(x, w, layout, beta, y);
            } else {
                multiplyFloats(x, w, layout, beta, y);
            }
        } finally {
            calls.release();
        }
    }

    /**
     * {@code sums += addends}, {@code length} neighbouring elements of f32 or f64, each rounded once. It needs no working
     * memory, so any number of threads may be in it.
     */
    static void add(DType dtype, long addends, long sums, int length) {
        if (dtype == DType.F64) {
            openblas_nolapack.cblas_daxpy(length, 1, new Doubles(addends), 1, new Doubles(sums), 1);
        } else {
            openblas_nolapack.cblas_saxpy(length, 1, new Floats(addends), 1, new Floats(sums), 1);
        }
    }

    private static void multiplyFloats(Operand x, Operand w, WeightLayout layout, float beta, Operand y) {
        Floats a = new Floats(x.address());
        Floats b = new Floats(w.address());
        Floats c = new Floats(y.address());
        if (x.rows() == 1) {
            openblas_nolapack.cblas_sgemv(
                    openblas_nolapack.CblasRowMajor,
                    matrixTimesX(layout),
                    w.rows(),
                    w.columns(),
                    1,
                    b,
                    w.stride(),
                    a,
                    1,
                    beta,
                    c,
                    1);
        } else {
            openblas_nolapack.cblas_sgemm(
                    openblas_nolapack.CblasRowMajor,
                    openblas_nolapack.CblasNoTrans,
                    xTimesMatrix(layout),
                    x.rows(),
                    y.columns(),
                    x.columns(),
                    1,
                    a,
                    x.stride(),
                    b,
                    w.stride(),
                    beta,
                    c,
                    y.stride());
        }
    }

    private static void multiplyDoubles(Operand x, Operand w, WeightLayout layout, double beta, Operand y) {
        Doubles a = new Doubles(x.address());
        Doubles b = new Doubles(w.address());
        Doubles c = new Doubles(y.address());
        if (x.rows() == 1) {
            openblas_nolapack.cblas_dgemv(
                    openblas_nolapack.CblasRowMajor,
                    matrixTimesX(layout),
                    w.rows(),
                    w.columns(),
                    1,
                    b,
                    w.stride(),
                    a,
                    1,
                    beta,
                    c,
                    1);
        } else {
            openblas_nolapack.cblas_dgemm(
                    openblas_nolapack.CblasRowMajor,
                    openblas_nolapack.CblasNoTrans,
                    xTimesMatrix(layout),
                    x.rows(),
                    y.columns(),
                    x.columns(),
                    1,
                    a,
                    x.stride(),
                    b,
                    w.stride(),
                    beta,
                    c,
                    y.stride());
        }
    }

    private static int matrixTimesX(WeightLayout layout) {
        return layout == WeightLayout.OUT_IN ? openblas_nolapack.CblasNoTrans : openblas_nolapack.CblasTrans;
    }

    private static int xTimesMatrix(WeightLayout layout) {
        return layout == WeightLayout.OUT_IN ? openblas_nolapack.CblasTrans : openblas_nolapack.CblasNoTrans;
    }

    /** Which table the library's variable {@code gotoblas} points to; empty where the library was built with one table. */
    private static Optional<String> kernelSet() {
        Pointer chosen = Loader.addressof("gotoblas");
        if (chosen == null) {
            return Optional.empty();
        }
        long table = new PointerPointer<>(chosen).get().address();
        return KERNEL_SETS.stream()
                .filter(set -> {
                    Pointer symbol = Loader.addressof("gotoblas_" + set);
                    return symbol != null && symbol.address() == table;
                })
                .findFirst();
    }

    private static final class Floats extends FloatPointer {
        Floats(long address) {
            super((Pointer) null);
            this.address = address;
        }
    }

    private static final class Doubles extends DoublePointer {
        Doubles(long address) {
            super((Pointer) null);
            this.address = address;
        }
    }
}
