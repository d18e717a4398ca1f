package org.tp4j.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.tp4j.device.Workplace.assertSameBits;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;
import org.tp4j.tensor.WeightLayout;

@ParameterizedClass
@MethodSource("org.tp4j.device.TestDevices#all")
class GemmContractTest {
    /** (tokens, in, out): single rows and columns, primes, nothing at all, and both sides of where products are cut. */
    private static final List<int[]> SHAPES = List.of(
            new int[] {1, 1, 1},
            new int[] {1, 7, 5},
            new int[] {1, 1031, 263},
            new int[] {2, 3, 1},
            new int[] {3, 64, 17},
            new int[] {13, 101, 257},
            new int[] {5, 1024, 256},
            new int[] {17, 2049, 31},
            new int[] {3, 40, 1100},
            new int[] {64, 33, 530},
            new int[] {65, 17, 2100},
            new int[] {0, 4, 3},
            new int[] {4, 3, 0},
            new int[] {3, 0, 4},
            new int[] {1, 0, 4},
            new int[] {0, 0, 0});

    @Parameter
    private Device device;

    private Workplace work;

    @BeforeEach
    void open() {
        work = new Workplace(device);
    }

    @AfterEach
    void close() {
        work.close();
    }

    @ParameterizedTest
    @EnumSource
    void exactIntegersComeOutBitForBit(DType dtype) {
        Random random = Workplace.random();
        for (int[] shape : SHAPES) {
            for (WeightLayout layout : WeightLayout.values()) {
                for (boolean strided : new boolean[] {false, true}) {
                    HostMatrix x = Workplace.integers(random, dtype, shape[0], shape[1], 16);
                    HostMatrix w = weight(random, dtype, shape, layout);
                    HostMatrix y = product(x, w, layout, strided);
                    assertSameBits(
                            dtype + " " + List.of(shape[0], shape[1], shape[2]) + " " + layout + " strided " + strided,
                            (row, column) -> dot(x, w, layout, row, column) + 0.0,
                            y);
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void realDataStaysWithinTheBound(DType dtype) {
        Random random = Workplace.random();
        for (int[] shape : SHAPES) {
            for (WeightLayout layout : WeightLayout.values()) {
                HostMatrix x = Workplace.uniform(random, dtype, shape[0], shape[1]);
                HostMatrix w = layout == WeightLayout.OUT_IN
                        ? Workplace.uniform(random, dtype, shape[2], shape[1])
                        : Workplace.uniform(random, dtype, shape[1], shape[2]);
                HostMatrix y = product(x, w, layout, false);
                double u = device.roundoff(dtype);
                double gamma = (shape[1] + 1) * u / (1 - (shape[1] + 1) * u);
                for (long row = 0; row < y.rows(); row++) {
                    for (long column = 0; column < y.columns(); column++) {
                        double error = Math.abs(y.get(row, column) - dot(x, w, layout, row, column));
                        double bound = gamma * magnitude(x, w, layout, row, column);
                        assertTrue(error <= bound, error + " > " + bound + ", seed " + Workplace.SEED);
                    }
                }
            }
        }
    }

    /** An empty sum is +0, also where the memory of y held NaN and where y is a view. */
    @ParameterizedTest
    @EnumSource
    void withoutInputFeaturesTheProductIsZero(DType dtype) {
        DType wide = dtype.accumulator();
        for (int tokens : new int[] {1, 4}) {
            DeviceMatrix whole = work.upload(filled(wide, tokens + 1, 9, Double.NaN));
            DeviceMatrix y = whole.rows(1, tokens + 1).columns(2, 7);
            DeviceMatrix x = work.scope.allocate(dtype, tokens, 0);
            work.stream.gemm(x, work.scope.allocate(dtype, 5, 0), WeightLayout.OUT_IN, y);
            assertSameBits(
                    "x (" + tokens + ", 0)",
                    (row, column) -> row >= 1 && column >= 2 && column < 7 ? 0.0 : Double.NaN,
                    work.download(whole));
        }
    }

    /** What y held before is overwritten, not scaled: NaN times zero would stay NaN. */
    @ParameterizedTest
    @EnumSource
    void whatWasInTheResultDoesNotMatter(DType dtype) {
        for (WeightLayout layout : WeightLayout.values()) {
            for (int tokens : new int[] {1, 2, 16}) {
                DeviceMatrix y = work.upload(filled(dtype.accumulator(), tokens, 33, Double.NaN));
                DeviceMatrix x = work.upload(filled(dtype, tokens, 40, 1));
                DeviceMatrix w = work.upload(
                        layout == WeightLayout.OUT_IN ? filled(dtype, 33, 40, 2) : filled(dtype, 40, 33, 2));
                work.stream.gemm(x, w, layout, y);
                assertSameBits("tokens " + tokens, (row, column) -> 80.0, work.download(y));
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void nanAndInfinitySpreadOverTheirRowAlone(DType dtype) {
        for (int tokens : new int[] {1, 3}) {
            HostMatrix x = filled(dtype, tokens, 50, 1);
            x.set(0, 7, Double.NaN);
            x.set(tokens - 1, 9, tokens == 1 ? 1 : Double.POSITIVE_INFINITY);
            HostMatrix w = filled(dtype, 20, 50, 1);
            assertSameBits(
                    "tokens " + tokens,
                    (row, column) -> row == 0 ? Double.NaN : row == tokens - 1 ? Double.POSITIVE_INFINITY : 50.0,
                    product(x, w, WeightLayout.OUT_IN, false));
        }
    }

    /** The same numbers, shape and strides at other addresses, on other threads, give the same bits. */
    @ParameterizedTest
    @EnumSource
    void equalCallsGiveEqualBits(DType dtype) throws Exception {
        Random random = Workplace.random();
        for (int tokens : new int[] {1, 5, 64}) {
            HostMatrix x = Workplace.uniform(random, dtype, tokens, 517);
            HostMatrix w = Workplace.uniform(random, dtype, 129, 517);
            HostMatrix first = product(x, w, WeightLayout.OUT_IN, false);
            List<Callable<HostMatrix>> again = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                int unlike = i;
                again.add(() -> productElsewhere(x, w, unlike));
            }
            for (HostMatrix other : onThreads(4, again)) {
                assertSameBits("tokens " + tokens, first::get, other);
            }
        }
    }

    @Test
    void manyThreadsMultiplyAtOnce() throws Exception {
        List<Callable<HostMatrix>> calls = new ArrayList<>();
        HostMatrix x = filled(DType.F32, 16, 300, 1);
        HostMatrix w = filled(DType.F32, 200, 300, 1);
        for (int i = 0; i < 200; i++) {
            int unlike = i % 8;
            calls.add(() -> productElsewhere(x, w, unlike));
        }
        for (HostMatrix y : onThreads(200, calls)) {
            assertSameBits("a product among 200", (row, column) -> 300.0, y);
        }
    }

    @Test
    void shapesAndDtypesThatDoNotFitAreRefusedByName() {
        DeviceMatrix x = work.scope.allocate(DType.F32, 16, 512);
        DeviceMatrix w = work.scope.allocate(DType.F32, 4096, 1024);
        DeviceMatrix y = work.scope.allocate(DType.F32, 16, 4096);
        DeviceMatrix half = work.scope.allocate(DType.F16, 4096, 512);
        assertEquals(
                "w is (4096, 1024), out-in, but x is (16, 512): x must have 1024 columns",
                refusal(x, w, WeightLayout.OUT_IN, y));
        assertEquals(
                "x is (16, 512) and w is (4096, 512), out-in, but y is (16, 512): y must be (16, 4096)",
                refusal(x, w.columns(0, 512), WeightLayout.OUT_IN, x));
        assertEquals(
                "x is f32, w is f16 and y is f32: x and w must have one dtype, and y its accumulator's, f32",
                refusal(x, half, WeightLayout.OUT_IN, y));
    }

    private String refusal(DeviceMatrix x, DeviceMatrix w, WeightLayout layout, DeviceMatrix y) {
        return assertThrows(IllegalArgumentException.class, () -> work.stream.gemm(x, w, layout, y))
                .getMessage();
    }

    private HostMatrix product(HostMatrix x, HostMatrix w, WeightLayout layout, boolean strided) {
        DType wide = x.dtype().accumulator();
        DeviceMatrix y = strided
                ? work.uploadStrided(filled(wide, x.rows(), layout.out(w), Double.NaN))
                : work.scope.allocate(wide, x.rows(), layout.out(w));
        DeviceMatrix left = strided ? work.uploadStrided(x) : work.upload(x);
        DeviceMatrix right = strided ? work.uploadStrided(w) : work.upload(w);
        work.stream.gemm(left, right, layout, y);
        return work.download(y);
    }

    /** On a stream of the calling thread's own, after allocations that differ with {@code unlike}. */
    private HostMatrix productElsewhere(HostMatrix x, HostMatrix w, int unlike) {
        try (Workspace own = new Workspace(device)) {
            Scope scope = own.scope();
            scope.allocate(DType.F32, 1, 1 + 1000L * unlike);
            DeviceMatrix left = scope.upload(x, x.dtype());
            scope.allocate(DType.F32, 1, 1 + 64L * unlike);
            DeviceMatrix right = scope.upload(w, w.dtype());
            DeviceMatrix y = scope.allocate(x.dtype().accumulator(), x.rows(), w.rows());
            own.stream().gemm(left, right, WeightLayout.OUT_IN, y);
            HostMatrix result = HostMatrix.allocate(y.dtype(), y.rows(), y.columns());
            own.stream().download(y, result, Workplace.LIMIT);
            return result;
        }
    }

    private record Workspace(Stream stream, Scope scope) implements AutoCloseable {
        Workspace(Device device) {
            this(device.openStream());
        }

        private Workspace(Stream stream) {
            this(stream, new ScopeStack(stream).open("a thread of a test"));
        }

        @Override
        public void close() {
            scope.close();
            stream.close();
        }
    }

    private static List<HostMatrix> onThreads(int threads, List<Callable<HostMatrix>> calls) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(threads);
        try {
            List<HostMatrix> results = new ArrayList<>();
            for (Future<HostMatrix> result : pool.invokeAll(calls)) {
                results.add(result.get());
            }
            return results;
        } finally {
            pool.shutdownNow();
        }
    }

    private static HostMatrix weight(Random random, DType dtype, int[] shape, WeightLayout layout) {
        // |x| <= 16 and |w| <= 1: sums over 2049 inputs stay below 2^24
        return layout == WeightLayout.OUT_IN
                ? Workplace.integers(random, dtype, shape[2], shape[1], 1)
                : Workplace.integers(random, dtype, shape[1], shape[2], 1);
    }

    private static HostMatrix filled(DType dtype, long rows, long columns, double value) {
        HostMatrix matrix = HostMatrix.allocate(dtype, rows, columns);
        for (long row = 0; row < rows; row++) {
            for (long column = 0; column < columns; column++) {
                matrix.set(row, column, value);
            }
        }
        return matrix;
    }

    private static double dot(HostMatrix x, HostMatrix w, WeightLayout layout, long row, long column) {
        double sum = 0;
        for (long k = 0; k < x.columns(); k++) {
            sum += x.get(row, k) * (layout == WeightLayout.OUT_IN ? w.get(column, k) : w.get(k, column));
        }
        return sum;
    }

    private static double magnitude(HostMatrix x, HostMatrix w, WeightLayout layout, long row, long column) {
        double sum = 0;
        for (long k = 0; k < x.columns(); k++) {
            sum += Math.abs(x.get(row, k) * (layout == WeightLayout.OUT_IN ? w.get(column, k) : w.get(k, column)));
        }
        return sum;
    }
}
