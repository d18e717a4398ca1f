package org.tp4j.device.cuda.mutation;

import java.util.List;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.zip.CRC32;
import org.tp4j.device.Device;
import org.tp4j.device.cuda.HostOrder;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;

/**
 * Work whose result is the same in every run and on every device.
 *
 * @param devices how many it takes
 */
record Scenario(String name, int devices, Work work) {
    /** Does it on so many devices; the checksums of all that came out. */
    @FunctionalInterface
    interface Work {
        List<Long> on(List<Device> devices) throws Exception;
    }

    /** Elements that tell who made them, small enough that sums are exact. */
    static HostMatrix values(int seed, long rows, long columns) {
        HostMatrix matrix = HostMatrix.allocate(DType.F32, rows, columns);
        float[] row = new float[(int) columns];
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                row[j] = 1 + (seed * 131 + i * 7 + j) % 1021;
            }
            matrix.write(i, 0, row, 0, row.length);
        }
        return matrix;
    }

    /** Of the bits; closes the matrix. */
    static long checksum(HostMatrix matrix) {
        try (matrix) {
            CRC32 sum = new CRC32();
            for (long row = 0; row < matrix.rows(); row++) {
                sum.update(matrix.bytes(row, 0, (int) matrix.columns()));
            }
            return sum.getValue();
        }
    }

    /** Lets the host's threads wait for each other, and nothing on any device. */
    static void meet(CyclicBarrier barrier) {
        try {
            HostOrder.release(barrier, 0);
            barrier.await(10, TimeUnit.SECONDS);
            HostOrder.acquire(barrier, 0);
        } catch (InterruptedException | BrokenBarrierException | TimeoutException e) {
            throw new IllegalStateException("a rank did not come", e);
        }
    }

    @Override
    public String toString() {
        return name;
    }
}
