package org.tp4j.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.BufferOverflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class FileMatrixTest {
    /** Columns of short rows that are read with their gaps, of rows worth a read each, and of rows over a stage. */
    private static final int[] WIDTHS = {1, 7, 1000, 9000, 300_000};

    @TempDir
    Path folder;

    static List<Object[]> formats() {
        List<Object[]> formats = new ArrayList<>();
        for (DType dtype : DType.values()) {
            for (ByteOrder order : List.of(ByteOrder.LITTLE_ENDIAN, ByteOrder.BIG_ENDIAN)) {
                formats.add(new Object[] {dtype, order});
            }
        }
        return formats;
    }

    @ParameterizedTest
    @MethodSource("formats")
    void everyViewIsCopiedOutBitByBit(DType dtype, ByteOrder order) throws IOException {
        Random random = new Random(5);
        for (int columns : WIDTHS) {
            int rows = columns > 100_000 ? 5 : 40;
            try (HostMatrix expected = randomBits(random, dtype, rows, columns);
                    FileMatrix file = stored(expected, order)) {
                assertEquals(expected.shape(), file.shape());
                assertEquals(expected.byteSize(), file.byteSize());
                assertCopies(expected, file);
                for (int i = 0; i < 12; i++) {
                    int top = random.nextInt(rows + 1);
                    int bottom = top + random.nextInt(rows - top + 1);
                    int left = random.nextInt(columns + 1);
                    int right = left + random.nextInt(columns - left + 1);
                    assertCopies(
                            expected.rows(top, bottom).columns(left, right),
                            file.columns(left, right).rows(top, bottom));
                    assertCopies(expected.rows(top, bottom), file.rows(top, bottom));
                }
            }
        }
    }

    @Test
    void wrongDestinationsAndPlacesAreRefused() throws IOException {
        try (HostMatrix expected = randomBits(new Random(1), DType.F32, 3, 4);
                FileMatrix file = stored(expected, ByteOrder.nativeOrder());
                HostMatrix other = HostMatrix.allocate(DType.F32, 4, 3);
                HostMatrix wide = HostMatrix.allocate(DType.F64, 3, 4)) {
            assertThrows(IllegalArgumentException.class, () -> file.copyTo(other));
            assertThrows(IllegalArgumentException.class, () -> file.copyTo(wide));
            assertThrows(BufferOverflowException.class, () -> file.copyTo(ByteBuffer.allocate(47)));
            assertThrows(IndexOutOfBoundsException.class, () -> file.rows(2, 4));
            assertThrows(IndexOutOfBoundsException.class, () -> file.columns(3, 2));
        }
    }

    @Test
    void aClosedFileRefusesEveryView() throws IOException {
        FileMatrix file = stored(randomBits(new Random(1), DType.F32, 3, 4), ByteOrder.nativeOrder());
        FileMatrix view = file.rows(1, 2);
        file.close();
        file.close();
        IllegalStateException refused = assertThrows(IllegalStateException.class, view::read);
        assertTrue(refused.getMessage().endsWith("x.bin was used after it was closed"), refused.getMessage());
    }

    @Test
    void aFileThatWasRemovedIsStillReadable() throws IOException {
        try (HostMatrix expected = randomBits(new Random(1), DType.F32, 30, 40);
                FileMatrix file = stored(expected, ByteOrder.nativeOrder())) {
            Files.delete(folder.resolve("x.bin"));
            assertCopies(expected, file);
        }
    }

    @ParameterizedTest
    @MethodSource("formats")
    void aFileThatBecomesShorterIsASentence(DType dtype, ByteOrder order) throws IOException {
        for (int columns : WIDTHS) {
            try (HostMatrix expected = randomBits(new Random(7), dtype, 10, columns);
                    FileMatrix file = stored(expected, order)) {
                Path path = folder.resolve("x.bin");
                long size = Files.size(path);
                truncate(path, size - 1);
                assertCopies(expected.rows(0, 9), file.rows(0, 9));
                for (long left : new long[] {size - 1, size / 2, 3, 0}) {
                    truncate(path, left);
                    UncheckedIOException failed = assertThrows(UncheckedIOException.class, file::read);
                    assertInstanceOf(MatrixFileException.class, failed.getCause());
                    assertEquals(failed.getCause().getMessage(), failed.getMessage());
                    assertTrue(
                            failed.getMessage()
                                    .startsWith(path + " was shortened while it was read: it had " + size
                                            + " bytes and ends before byte "),
                            failed.getMessage());
                    assertThrows(
                            UncheckedIOException.class,
                            () -> file.columns(columns - 1, columns).copyTo(ByteBuffer.allocate(10 * dtype.bytes())));
                }
            }
        }
    }

    /** Threads read their columns over and over, one is interrupted all the while, and then the file is cut. */
    @Test
    void anInterruptedReaderDisturbsNoOther() throws Exception {
        int ranks = 4;
        try (HostMatrix expected = randomBits(new Random(9), DType.F32, 600, 4000);
                FileMatrix file = stored(expected, ByteOrder.nativeOrder())) {
            ExecutorService threads = Executors.newFixedThreadPool(ranks + 1);
            try {
                Thread[] victim = new Thread[1];
                AtomicBoolean over = new AtomicBoolean();
                Future<Integer> interrupted = threads.submit(() -> interruptedReads(file, victim, over));
                List<Callable<Void>> readers = new ArrayList<>();
                for (int rank = 0; rank < ranks; rank++) {
                    int from = rank * 1000;
                    readers.add(() -> {
                        for (int i = 0; i < 20; i++) {
                            try (HostMatrix shard =
                                    file.columns(from, from + 1000).read()) {
                                assertSameBits(expected.columns(from, from + 1000), shard);
                            }
                        }
                        return null;
                    });
                }
                List<Future<Void>> done = readers.stream().map(threads::submit).toList();
                while (!done.stream().allMatch(Future::isDone)) {
                    synchronized (victim) {
                        if (victim[0] != null) {
                            victim[0].interrupt();
                        }
                    }
                    Thread.sleep(1);
                }
                for (Future<Void> each : done) {
                    each.get();
                }
                over.set(true);
                assertTrue(interrupted.get() > 0, "no read was interrupted");
            } finally {
                threads.shutdownNow();
            }
        }
    }

    /** Reads until it is over, and says how often an interrupt ended a read. */
    private static int interruptedReads(FileMatrix file, Thread[] victim, AtomicBoolean over) {
        synchronized (victim) {
            victim[0] = Thread.currentThread();
        }
        int count = 0;
        while (!over.get()) {
            try (HostMatrix all = file.read()) {
                assertFalse(all.rows() == 0);
            } catch (UncheckedIOException e) {
                assertTrue(e.getMessage().endsWith("was not read to its end: the thread was interrupted"));
                assertTrue(Thread.interrupted(), "the interrupt is the caller's to see");
                count++;
            }
        }
        return count;
    }

    @ParameterizedTest
    @EnumSource
    void aFailedReadLeavesNoMemory(DType dtype) throws IOException {
        try (HostMatrix expected = randomBits(new Random(7), dtype, 10, 100);
                FileMatrix file = stored(expected, ByteOrder.nativeOrder())) {
            truncate(folder.resolve("x.bin"), 100);
            long before = Account.settled();
            assertThrows(UncheckedIOException.class, file::read);
            assertEquals(before, HostMemory.liveBytes());
        }
    }

    private FileMatrix stored(HostMatrix matrix, ByteOrder order) throws IOException {
        Path path = folder.resolve("x.bin");
        int offset = 13;
        int size = matrix.dtype().bytes();
        ByteBuffer bytes = ByteBuffer.allocate(offset + (int) matrix.byteSize());
        for (long row = 0; row < matrix.rows(); row++) {
            int at = offset + (int) (row * matrix.columns()) * size;
            ByteBuffer target = bytes.slice(at, (int) matrix.columns() * size).order(order);
            ElementBytes.copy(matrix.bytes(row, 0, (int) matrix.columns()), target, size);
        }
        Files.write(path, bytes.array());
        return new FileMatrix(InputFile.open(path), offset, matrix.dtype(), order, matrix.rows(), matrix.columns());
    }

    /** Copies into memory of its own, into the middle of a wider matrix, and packed into a buffer, must hold the bits. */
    private static void assertCopies(HostMatrix expected, FileMatrix actual) {
        try (HostMatrix copy = actual.read();
                HostMatrix wide = HostMatrix.allocate(expected.dtype(), expected.rows() + 2, expected.columns() + 3)) {
            assertSameBits(expected, copy);
            HostMatrix middle = wide.rows(1, expected.rows() + 1).columns(2, expected.columns() + 2);
            actual.copyTo(middle);
            assertSameBits(expected, middle);
            assertEquals(0, wide.rows(0, 1).toDoubles()[0][0]);
            ByteBuffer packed = ByteBuffer.allocateDirect((int) expected.byteSize() + 4);
            ByteBuffer reference = ByteBuffer.allocate(packed.capacity());
            actual.copyTo(packed.position(3));
            expected.copyTo(reference.position(3));
            assertEquals(reference.position(), packed.position());
            assertEquals(reference.flip(), packed.flip());
        }
    }

    private static void assertSameBits(HostMatrix expected, HostMatrix actual) {
        for (long row = 0; row < expected.rows() && expected.columns() > 0; row++) {
            int columns = (int) expected.columns();
            if (!expected.bytes(row, 0, columns).equals(actual.bytes(row, 0, columns))) {
                assertArrayEquals(
                        expected.rows(row, row + 1).toDoubles(),
                        actual.rows(row, row + 1).toDoubles());
                throw new AssertionError("the bits of row " + row + " differ");
            }
        }
    }

    private static HostMatrix randomBits(Random random, DType dtype, int rows, int columns) {
        HostMatrix matrix = HostMatrix.allocate(dtype, rows, columns);
        byte[] line = new byte[columns * dtype.bytes()];
        for (int row = 0; row < rows; row++) {
            random.nextBytes(line);
            matrix.bytes(row, 0, columns).put(line);
        }
        return matrix;
    }

    private static void truncate(Path path, long size) throws IOException {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
            channel.truncate(size);
        }
    }
}
