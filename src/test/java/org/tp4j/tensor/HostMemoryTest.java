package org.tp4j.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.Test;

class HostMemoryTest {
    @Test
    void theAccountReturnsToWhereItWas() {
        long before = Account.settled();
        HostMemory memory = HostMemory.allocate(1001);
        assertEquals(before + 1001, HostMemory.liveBytes());
        assertEquals(0, memory.address() % HostMemory.ALIGNMENT);
        memory.close();
        memory.close();
        assertEquals(before, HostMemory.liveBytes());
        assertThrows(IllegalStateException.class, memory::address);
        assertThrows(IllegalStateException.class, () -> memory.window(0, 1));
    }

    @Test
    void windowsStayInside() {
        try (HostMemory memory = HostMemory.allocate(16)) {
            assertEquals(16, memory.window(0, 16).remaining());
            assertEquals(0, memory.window(16, 0).remaining());
            assertThrows(IndexOutOfBoundsException.class, () -> memory.window(1, 16));
            assertThrows(IndexOutOfBoundsException.class, () -> memory.window(-1, 1));
            assertThrows(IndexOutOfBoundsException.class, () -> memory.window(0, -1));
            memory.window(8, 8).put(0, (byte) 3);
            assertEquals(3, memory.window(0, 16).get(8));
        }
    }

    @Test
    void whatCannotBeHadIsRefusedInOneSentence() {
        long live = HostMemory.liveBytes();
        assertTrue(assertThrows(OutOfHostMemoryException.class, () -> HostMemory.allocate(1L << 60))
                .getMessage()
                .matches("the operating system refused 1152921504606846976 bytes of memory \\(this process holds \\d+ "
                        + "bytes in matrices\\): free memory or use smaller matrices"));
        assertThrows(OutOfHostMemoryException.class, () -> HostMemory.allocate(Long.MAX_VALUE));
        assertThrows(IllegalArgumentException.class, () -> HostMemory.allocate(-1));
        assertTrue(HostMemory.liveBytes() <= live);
    }

    @Test
    void whatNobodyReachesIsFreedBeforeTheMachineIsFull() {
        long total = Pointer.totalPhysicalBytes();
        long block = total / 32; // never touched: it costs address space only
        long most = 0;
        for (int i = 0; i < 96; i++) {
            assertTrue(HostMemory.allocate(block).bytes() > 0);
            most = Math.max(most, HostMemory.liveBytes());
        }
        assertTrue(most < total, () -> "unreachable memory piled up beyond " + total);
    }
}
