package org.tp4j.device;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.time.Duration;
import java.util.Random;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;

/** A stream and a scope for one test, which must leave no live memory behind. */
final class Workplace implements AutoCloseable {
    static final Duration LIMIT = Duration.ofSeconds(60);

    /** Repeat a failure with {@code -Dtp4j.seed=SEED}. */
    static final long SEED = Long.getLong("tp4j.seed", System.nanoTime());

    static {
        System.out.println("device tests: seed " + SEED + ", repeat with -Dtp4j.seed=" + SEED);
    }

    final Device device;
    final Stream stream;
    final ScopeStack scopes;
    final Scope scope;
    private final long liveBefore;

    Workplace(Device device) {
        this.device = device;
        this.liveBefore = device.liveBytes();
        this.stream = device.openStream();
        this.scopes = new ScopeStack(stream);
        this.scope = scopes.open("a test");
    }

    static Random random() {
        return new Random(SEED);
    }

    /** Elements drawn evenly from [-1, 1), rounded to the dtype. */
    static HostMatrix uniform(Random random, DType dtype, long rows, long columns) {
        HostMatrix matrix = HostMatrix.allocate(dtype, rows, columns);
        for (long row = 0; row < rows; row++) {
            for (long column = 0; column < columns; column++) {
                matrix.set(row, column, 2 * random.nextDouble() - 1);
            }
        }
        return matrix;
    }

    /** Integers drawn evenly from [-most, most]. */
    static HostMatrix integers(Random random, DType dtype, long rows, long columns, int most) {
        HostMatrix matrix = HostMatrix.allocate(dtype, rows, columns);
        for (long row = 0; row < rows; row++) {
            for (long column = 0; column < columns; column++) {
                matrix.set(row, column, random.nextInt(2 * most + 1) - most);
            }
        }
        return matrix;
    }

    DeviceMatrix upload(HostMatrix source) {
        return scope.upload(source, source.dtype());
    }

    /** A copy of {@code source} in the middle of a wider matrix, so that its rows lie apart. */
    DeviceMatrix uploadStrided(HostMatrix source) {
        DeviceMatrix wide = scope.allocate(source.dtype(), source.rows() + 2, source.columns() + 5);
        DeviceMatrix inside = wide.rows(1, source.rows() + 1).columns(3, source.columns() + 3);
        stream.upload(source, inside);
        return inside;
    }

    HostMatrix download(DeviceMatrix source) {
        HostMatrix destination = HostMatrix.allocate(source.dtype(), source.rows(), source.columns());
        stream.download(source, destination, LIMIT);
        return destination;
    }

    /** The value of one element. */
    @FunctionalInterface
    interface Element {
        double at(long row, long column);
    }

    /** Asserts equal bits; NaN equals NaN. */
    static void assertSameBits(String what, Element expected, HostMatrix actual) {
        for (long row = 0; row < actual.rows(); row++) {
            for (long column = 0; column < actual.columns(); column++) {
                assertEquals(
                        expected.at(row, column),
                        actual.get(row, column),
                        what + " at (" + row + ", " + column + "), seed " + SEED);
            }
        }
    }

    @Override
    public void close() {
        scope.close();
        stream.synchronize(LIMIT);
        assertEquals(liveBefore, device.liveBytes(), "live bytes after a test");
        stream.close();
    }
}
