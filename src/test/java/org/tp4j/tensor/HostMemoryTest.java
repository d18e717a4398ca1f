package org.tp4j.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

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
    @EnabledOnOs(OS.LINUX)
    void largeBlocksLieInHugePagesWhereTheKernelGivesThem() throws IOException {
        Path setting = Path.of("/sys/kernel/mm/transparent_hugepage/enabled");
        assumeTrue(
                Files.exists(setting) && !Files.readString(setting).contains("[never]"),
                "this kernel gives no huge pages");
        try (HostMemory memory = HostMemory.allocate(64L << 20)) {
            for (long at = 0; at < memory.bytes(); at += 4096) {
                memory.window(at, 1).put(0, (byte) 1);
            }
            assertTrue(hugeBytes(memory.address() + memory.bytes() / 2) > 0, "not one huge page");
        }
    }

    /** How many bytes of the mapping that holds this address lie in huge pages. */
    private static long hugeBytes(long address) throws IOException {
        boolean inside = false;
        for (String line : Files.readAllLines(Path.of("/proc/self/smaps"))) {
            Matcher range = Pattern.compile("([0-9a-f]+)-([0-9a-f]+) .*").matcher(line);
            if (range.matches()) {
                inside = Long.parseUnsignedLong(range.group(1), 16) <= address
                        && address < Long.parseUnsignedLong(range.group(2), 16);
            } else if (inside && line.startsWith("AnonHugePages:")) {
                return Long.parseLong(line.replaceAll("\\D", "")) << 10;
            }
        }
        return 0;
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
