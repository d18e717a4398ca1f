package org.tp4j.device.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.tp4j.device.Block;
import org.tp4j.device.Device;
import org.tp4j.device.DeviceMatrix;
import org.tp4j.device.ReadGuard;
import org.tp4j.device.Scope;
import org.tp4j.device.ScopeStack;
import org.tp4j.device.Stream;
import org.tp4j.tensor.Account;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;
import org.tp4j.tensor.HostMemory;

class CpuMemoryTest {
    /** Matrices that never come again in the same size do not pile up. */
    @Test
    void theCacheIsBounded() {
        long before = Account.settled();
        Stream stream = new CpuBackend().probe().devices().get(0).openStream();
        ScopeStack scopes = new ScopeStack(stream);
        for (int turn = 0; turn < 40; turn++) {
            try (Scope scope = scopes.open("turn " + turn)) {
                scope.allocate(DType.F32, 4096L + 512L * turn, 1024);
            }
        }
        long largest = (4096L + 512L * 39) * 1024 * 4;
        long held = HostMemory.liveBytes() - before;
        assertTrue(held <= 2.25 * largest + (64 << 20), "holds " + held + " bytes after using " + largest);
        stream.close();
        assertTrue(HostMemory.liveBytes() <= before);
    }

    /** A closed stream's blocks stay while a peer may read them, and go when a later stream closes. */
    @Test
    void quarantineEndsOnceReadersAreDone() {
        Device device = new CpuBackend().probe().devices().get(0);
        AtomicBoolean enqueued = new AtomicBoolean();
        HostMatrix read = ofClosedStream(device, enqueued);
        HostMatrix unread = ofClosedStream(device, new AtomicBoolean(true));
        assertThrows(IllegalStateException.class, () -> unread.get(0, 0));
        read.set(0, 0, 7);
        enqueued.set(true);
        device.openStream().close();
        assertThrows(IllegalStateException.class, () -> read.get(0, 0));
    }

    /** Poison shows in every dtype, also in memory that is used again. */
    @Test
    void poisonIsNotANumber() {
        try (Stream stream = CpuBackend.poisoned().probe().devices().get(0).openStream()) {
            ScopeStack scopes = new ScopeStack(stream);
            List<Block> blocks = new ArrayList<>();
            for (DType dtype : List.of(DType.F64, DType.F32, DType.F32, DType.F16, DType.BF16)) {
                try (Scope scope = scopes.open("poisoned")) {
                    CpuMatrix matrix = (CpuMatrix) scope.allocate(dtype, 1, 1024 / dtype.bytes());
                    blocks.add(matrix.block());
                    for (long column = 0; column < matrix.columns(); column++) {
                        assertTrue(Double.isNaN(CpuMatrix.host(matrix).get(0, column)));
                    }
                    stream.zero(matrix);
                }
            }
            assertEquals(1, blocks.stream().distinct().count(), "one block was used again");
        }
    }

    private static HostMatrix ofClosedStream(Device device, AtomicBoolean enqueued) {
        try (Stream stream = device.openStream();
                Scope scope = new ScopeStack(stream).open("read by a peer")) {
            DeviceMatrix matrix = scope.allocate(DType.BF16, 1, 2000);
            matrix.block().guardBy(new ReadGuard() {
                @Override
                public boolean enqueued() {
                    return enqueued.get();
                }

                @Override
                public void await(Stream waiting) {}

                @Override
                public boolean covers(ReadGuard earlier) {
                    return false;
                }
            });
            return CpuMatrix.host(matrix);
        }
    }
}
