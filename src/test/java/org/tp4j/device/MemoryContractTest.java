package org.tp4j.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;

@ParameterizedClass
@MethodSource("org.tp4j.device.TestDevices#all")
class MemoryContractTest {
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

    @Test
    void liveBytesCountWhatIsNotReleased() {
        long before = device.liveBytes();
        DeviceMatrix kept = work.scope.allocate(DType.F64, 100, 10);
        assertEquals(before + 8000, device.liveBytes());
        try (Scope inner = work.scopes.open("inner")) {
            inner.allocate(DType.BF16, 7, 3);
            DeviceMatrix early = inner.allocate(DType.F32, 5, 5);
            assertEquals(before + 8000 + 42 + 100, device.liveBytes());
            inner.release(early);
            assertEquals(before + 8000 + 42, device.liveBytes());
        }
        assertEquals(before + 8000, device.liveBytes());
        assertEquals(8000, kept.byteSize());
    }

    /** Views share memory; a CPU borrows the host's memory, of which a GPU needs a copy. */
    @Test
    void liveBytesCountNothingTwice() {
        long before = device.liveBytes();
        DeviceMatrix whole = work.scope.allocate(DType.F32, 10, 10);
        assertSame(whole.block(), whole.rows(2, 9).columns(3, 4).block());
        assertEquals(
                240, work.scope.borrow(HostMatrix.allocate(DType.F32, 6, 10)).byteSize());
        long copied = device.kind() == DeviceKind.CPU ? 0 : 240;
        assertEquals(before + 400 + copied, device.liveBytes());
    }

    @Test
    void releasedMemoryIsUsedAgain() {
        Block first;
        try (Scope inner = work.scopes.open("first")) {
            first = inner.allocate(DType.F32, 32, 60).block();
        }
        try (Scope inner = work.scopes.open("second")) {
            assertSame(first, inner.allocate(DType.F64, 30, 32).block(), "a matrix of the same size");
            assertNotSame(first, inner.allocate(DType.F32, 32, 60).block(), "while it is in use");
        }
    }

    /** A peer that has yet to enqueue its reads keeps the block; once it has, the stream waits for it and goes on. */
    @Test
    void memoryThatPeersReadIsNotUsedAgainBeforeTheyHave() {
        Readers readers = new Readers();
        Block read;
        try (Scope inner = work.scopes.open("read by a peer")) {
            read = inner.allocate(DType.F32, 64, 64).block();
            read.guardBy(readers);
        }
        try (Scope inner = work.scopes.open("too early")) {
            assertNotSame(read, inner.allocate(DType.F32, 64, 64).block());
        }
        assertEquals(List.of(), readers.awaitedBy);
        readers.enqueued = true;
        try (Scope inner = work.scopes.open("late enough")) {
            List<Block> both = List.of(
                    inner.allocate(DType.F32, 64, 64).block(),
                    inner.allocate(DType.F32, 64, 64).block());
            assertTrue(both.contains(read));
        }
        try (Scope inner = work.scopes.open("once more")) {
            inner.allocate(DType.F32, 64, 64);
            inner.allocate(DType.F32, 64, 64);
        }
        assertEquals(List.of(work.stream), readers.awaitedBy, "a guard is forgotten once it was awaited");
    }

    /** What several peers read, one after the other, waits for the last. */
    @Test
    void guardsAddUp() {
        Readers first = new Readers();
        Readers second = new Readers();
        Block read;
        try (Scope inner = work.scopes.open("read by two peers")) {
            read = inner.allocate(DType.F32, 10, 10).block();
            read.guardBy(first);
            read.guardBy(second);
        }
        second.enqueued = true;
        try (Scope inner = work.scopes.open("one still reads")) {
            assertNotSame(read, inner.allocate(DType.F32, 10, 10).block());
        }
        first.enqueued = true;
        try (Scope inner = work.scopes.open("both have read")) {
            assertTrue(List.of(
                            inner.allocate(DType.F32, 10, 10).block(),
                            inner.allocate(DType.F32, 10, 10).block())
                    .contains(read));
        }
        assertEquals(List.of(work.stream), first.awaitedBy);
        assertEquals(List.of(work.stream), second.awaitedBy);
    }

    /** Of readers that others cover, only the others are waited for; whoever is not covered keeps the block. */
    @Test
    void guardsAreForgottenOnlyForThoseThatCoverThem() {
        Readers first = new Readers();
        Readers elsewhere = new Readers();
        Readers last = new Readers();
        last.covered.add(first);
        Block read;
        try (Scope inner = work.scopes.open("read by two groups")) {
            read = inner.allocate(DType.F32, 10, 10).block();
            for (Readers readers : List.of(first, elsewhere, last)) {
                readers.enqueued = true;
                read.guardBy(readers);
            }
        }
        try (Scope inner = work.scopes.open("all have read")) {
            assertTrue(List.of(
                            inner.allocate(DType.F32, 10, 10).block(),
                            inner.allocate(DType.F32, 10, 10).block())
                    .contains(read));
        }
        assertEquals(List.of(), first.awaitedBy);
        assertEquals(List.of(work.stream), elsewhere.awaitedBy);
        assertEquals(List.of(work.stream), last.awaitedBy);
    }

    /** A closing stream leaves what peers may still read as it is. */
    @Test
    void memoryThatPeersReadOutlivesItsStream() {
        try (Stream reader = device.openStream()) {
            Stream owner = device.openStream();
            HostMatrix values = Workplace.integers(Workplace.random(), DType.F32, 50, 50, 1000);
            DeviceMatrix read;
            Readers readers = new Readers();
            try (Scope scope = new ScopeStack(owner).open("an owner that ends first")) {
                read = scope.upload(values, DType.F32);
                read.block().guardBy(readers);
                owner.synchronize(Workplace.LIMIT);
            }
            owner.close();
            HostMatrix result = HostMatrix.allocate(DType.F32, 50, 50);
            reader.download(read, result, Workplace.LIMIT);
            Workplace.assertSameBits("read after its owner's end", values::get, result);
            readers.enqueued = true;
        }
    }

    @Test
    void memoryThatDoesNotExistIsRefusedWithItsSize() {
        long rows = 1L << 32;
        long before = device.liveBytes();
        DeviceException refusal =
                assertThrows(DeviceException.class, () -> work.scope.allocate(DType.F64, rows, 1L << 20));
        assertTrue(refusal.getMessage().contains(device.name()), refusal.getMessage());
        assertTrue(refusal.getMessage().contains(Long.toString(1L << 55)), refusal.getMessage());
        assertEquals(before, device.liveBytes());
        assertEquals(4, work.scope.allocate(DType.F32, 1, 1).byteSize(), "the stream works on");
    }

    @Test
    void impossibleSizesAreRefused() {
        assertThrows(IllegalArgumentException.class, () -> work.scope.allocate(DType.F32, -1, 5));
        assertThrows(IllegalArgumentException.class, () -> work.scope.allocate(DType.F32, 1L << 40, 1L << 40));
    }

    @Test
    void useAfterCloseAndOnAnotherThreadIsRefusedByName() throws Exception {
        DeviceMatrix matrix;
        DeviceMatrix view;
        try (Scope inner = work.scopes.open("layer 3")) {
            matrix = inner.allocate(DType.F32, 4, 6);
            view = matrix.rows(1, 2);
            assertSame(matrix, matrix.checked());
        }
        String here = Thread.currentThread().getName();
        assertEquals(
                "the matrix f32 (4, 6) was used on thread " + here + " after its scope 'layer 3' was closed",
                assertThrows(IllegalStateException.class, matrix::checked).getMessage());
        assertThrows(IllegalStateException.class, view::checked);

        DeviceMatrix own = work.scope.allocate(DType.F32, 2, 2);
        List<Throwable> thrown = new ArrayList<>();
        Thread other =
                new Thread(() -> thrown.add(assertThrows(IllegalStateException.class, own::checked)), "somebody-else");
        other.start();
        other.join();
        assertEquals(
                "the matrix f32 (2, 2) of the scope 'a test' belongs to thread " + here
                        + " but was used on thread somebody-else",
                thrown.get(0).getMessage());
    }

    @Test
    void aClosedStreamGivesNoMemory() {
        Stream stream = device.openStream();
        try (Scope scope = new ScopeStack(stream).open("of a closed stream")) {
            stream.close();
            stream.close();
            assertThrows(IllegalStateException.class, () -> scope.allocate(DType.F32, 2, 2));
        }
    }

    @Test
    void aScopeMayOutliveItsStream() {
        long before = device.liveBytes();
        Stream stream = device.openStream();
        try (Scope scope = new ScopeStack(stream).open("closed after its stream")) {
            scope.allocate(DType.F32, 20, 20);
            stream.close();
            assertEquals(before + 1600, device.liveBytes());
        }
        assertEquals(before, device.liveBytes());
    }

    private static final class Readers implements ReadGuard {
        final List<Stream> awaitedBy = new ArrayList<>();
        final List<ReadGuard> covered = new ArrayList<>();
        boolean enqueued;

        @Override
        public boolean enqueued() {
            return enqueued;
        }

        @Override
        public void await(Stream stream) {
            awaitedBy.add(stream);
        }

        @Override
        public boolean covers(ReadGuard earlier) {
            return covered.contains(earlier);
        }
    }
}
