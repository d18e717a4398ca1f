package org.tp4j.comm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;
import org.tp4j.device.DeviceMatrix;
import org.tp4j.device.Machine;
import org.tp4j.device.OutOfDeviceMemoryException;
import org.tp4j.placement.Partial;
import org.tp4j.placement.Replicated;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;

/** What goes wrong ends soon, in one exception that says who, where and why, and the next run works. */
@ParameterizedClass
@MethodSource("org.tp4j.device.TestDevices#machines")
@Timeout(60)
class FaultsContractTest {
    private static final Duration LIMIT = Duration.ofSeconds(1);

    /** From a fault to the caller's exception: the limit, if the fault is that a rank does not come, and the grace. */
    private static final Duration PROMPT = Duration.ofSeconds(2);

    @Parameter
    private Machine machine;

    private long liveBefore;

    private Warnings warnings;

    /** The first kernels and contexts of a process may take seconds, which are not what is timed here. */
    @BeforeParameterizedClassInvocation
    static void warmUp(Machine machine) {
        int ranks = Math.max(4, machine.devices().size());
        try (World world =
                World.builder(machine.kind(), ranks).devices(machine.devices()).open()) {
            assertWorks(world);
        }
    }

    @BeforeEach
    void look() {
        liveBefore = machine.liveBytes();
        warnings = Warnings.of(Supervisor.class);
    }

    @AfterEach
    void letWarn() {
        warnings.close();
    }

    @Test
    void aRankThatThrowsReleasesTheOthers() {
        try (World world = open(4)) {
            RankException failure = failsPromptly(world, rank -> {
                allReduce(rank, 8);
                if (rank.index() == 2) {
                    throw new IllegalArgumentException("a planted mistake");
                }
                allReduce(rank, 8);
            });
            assertEquals(OptionalInt.of(2), failure.rank());
            assertEquals(1, failure.sequence());
            assertEquals(
                    "rank 2 failed after all_reduce #1 of world: IllegalArgumentException: a planted mistake",
                    failure.getMessage());
            assertInstanceOf(IllegalArgumentException.class, failure.getCause());
            assertEquals(3, failure.getSuppressed().length, "the other ranks: " + List.of(failure.getSuppressed()));
            for (Throwable other : failure.getSuppressed()) {
                assertTrue(
                        other.getMessage().contains(" was released in all_reduce #2 of world")
                                && other.getMessage().contains("because rank 2 had failed"),
                        other.getMessage());
            }
            assertWorks(world);
        }
        assertEquals(liveBefore, machine.liveBytes());
    }

    @Test
    void aRankWithoutMemoryReleasesTheOthers() {
        long columns = 1L << 45;
        try (World world = open(4)) {
            RankException failure = failsPromptly(world, rank -> {
                allReduce(rank, 8);
                if (rank.index() == 2) {
                    zeros(rank, columns);
                }
                allReduce(rank, 8);
            });
            assertInstanceOf(OutOfDeviceMemoryException.class, failure.getCause());
            assertContains(
                    failure,
                    "rank 2 failed after all_reduce #1 of world: "
                            + world.device(2).name() + " has no memory for a block of " + columns * Float.BYTES
                            + " bytes");
            assertEquals(3, failure.getSuppressed().length, "the other ranks: " + List.of(failure.getSuppressed()));
            assertEquals(liveBefore, machine.liveBytes());
            assertWorks(world);
        }
        assertEquals(liveBefore, machine.liveBytes());
    }

    @Test
    void aFailureInsideACollectiveCannotBeSwallowed() {
        try (World world = open(3)) {
            RankException failure = failsPromptly(world, rank -> {
                if (rank.index() == 1) {
                    assertThrows(CollectiveException.class, () -> rank.comm().broadcast(zeros(rank, 3), 0));
                } else {
                    rank.comm().broadcast(zeros(rank, 2), 0);
                }
                allReduce(rank, 8);
            });
            assertTrue(failure.getMessage().contains("broadcast #1"), failure.getMessage());
            assertWorks(world);
        }
    }

    @Test
    void ranksThatDisagreeFailWithBothSidesNamed() {
        try (World world = open(3)) {
            RankException operation = failsPromptly(world, rank -> {
                if (rank.index() == 1) {
                    rank.comm()
                            .allGather(
                                    rank.replicate(host(4)).features(rank.comm().plan(4)));
                } else {
                    allReduce(rank, 4);
                }
            });
            assertContains(
                    operation, "collective #1 of world is", "all_reduce of f32 (1, 4)", "all_gather of f32 (1, 4)");
            assertContains(operation, "all ranks must call the same");

            RankException shape = failsPromptly(world, rank -> allReduce(rank, rank.index() == 2 ? 5 : 4));
            assertContains(shape, "all_reduce of f32 (1, 4)", "all_reduce of f32 (1, 5)", "for rank 2");

            RankException dtype = failsPromptly(
                    world, rank -> rank.comm().allReduce(partial(rank, rank.index() == 0 ? DType.F16 : DType.F32, 4)));
            assertContains(dtype, "all_reduce of f16 (1, 4)", "all_reduce of f32 (1, 4)", "for rank 0");

            RankException root = failsPromptly(world, rank -> rank.comm().broadcast(zeros(rank, 4), rank.index() / 2));
            assertContains(root, "from rank 0", "from rank 1");

            RankException bias = failsPromptly(world, rank -> {
                Partial partial = partial(rank, DType.F32, 4);
                Replicated addend = rank.replicate(host(4));
                rank.comm()
                        .allReduce(Partial.unchecked(
                                rank.member(),
                                partial.plan(),
                                DType.F32,
                                partial.matrix(),
                                rank.index() == 0 ? Optional.of(addend) : Optional.empty()));
            });
            assertContains(bias, "(1, 4) + bias");

            RankException residual = failsPromptly(world, rank -> {
                Partial partial = partial(rank, DType.F32, 4);
                if (rank.index() == 0) {
                    rank.comm().allReduce(partial, rank.replicate(host(4)));
                } else {
                    rank.comm().allReduce(partial);
                }
            });
            assertContains(residual, "(1, 4) + residual");
            assertWorks(world);
        }
        assertEquals(liveBefore, machine.liveBytes());
    }

    @Test
    void aRankThatSleepsForeverIsInterrupted() {
        try (World world = open(3)) {
            RankException failure = failsPromptly(world, rank -> {
                if (rank.index() == 1) {
                    new CountDownLatch(1).await();
                }
                allReduce(rank, 8);
            });
            assertContains(failure, "waited 1 s", "all_reduce of f32 (1, 8)", "collective #1 of world", "for rank 1");
            assertContains(failure, "before its first collective", "FaultsContractTest");
            assertWorks(world);
        }
        assertEquals(liveBefore, machine.liveBytes());
    }

    @Test
    void anAbandonedRankRejoinsWhenItReturns() throws InterruptedException {
        AtomicReference<Throwable> later = new AtomicReference<>();
        CountDownLatch ended = new CountDownLatch(1);
        AtomicBoolean stop = new AtomicBoolean();
        try (World world = open(3)) {
            PerRank<DeviceMatrix> loaded = world.load(rank -> zeros(rank, 100));
            abandonRankOne(world, stop, later, ended);

            RankException refused = assertThrows(RankException.class, () -> assertWorks(world));
            assertEquals(OptionalInt.of(1), refused.rank());
            assertContains(
                    refused, "has not returned from an earlier run, for which this one waited 1 s: rank 1 (after");

            loaded.close(); // of the ranks that are present; the other one does it when it is
            Thread.sleep(10);
            stop.set(true);
            assertWorks(world);
            assertTrue(awaits(ended));
            assertTrue(
                    later.get().getMessage().contains("abandoned"), later.get().getMessage());
            assertEquals(liveBefore, machine.liveBytes(), "what was abandoned and what was closed meanwhile");
            assertWorks(world);
        }
        assertEquals(liveBefore, machine.liveBytes());
    }

    @Test
    void aLoadWhoseRankIsAbandonedLeavesNothingWhenItReturns() {
        AtomicBoolean stop = new AtomicBoolean();
        try (World world = open(3)) {
            assertThrows(
                    RankException.class,
                    () -> world.load(rank -> {
                        DeviceMatrix mine = zeros(rank, 64);
                        while (rank.index() == 1 && !stop.get()) {
                            Thread.onSpinWait();
                        }
                        return mine;
                    }));
            stop.set(true);
            assertWorks(world);
            assertEquals(liveBefore, machine.liveBytes());
        }
    }

    @Test
    void aClosedWorldKeepsWhatAnAbandonedRankMayReach() throws InterruptedException {
        AtomicBoolean stop = new AtomicBoolean();
        List<Thread> threads;
        try (World world = open(3)) {
            threads = abandonRankOne(world, stop, new AtomicReference<>(), new CountDownLatch(1));
        }
        try (World next = open(3)) {
            assertWorks(next);
        }
        assertTrue(machine.liveBytes() > liveBefore, "a rank that is away may still reach what the others hold");
        stop.set(true);
        for (Thread thread : threads) {
            thread.join(10_000);
            assertFalse(thread.isAlive(), thread::getName);
        }
        assertEquals(liveBefore, machine.liveBytes());
    }

    /** Lets rank 1 spin until it is told to stop; the others wait for it in vain. The threads of all ranks. */
    private List<Thread> abandonRankOne(
            World world, AtomicBoolean stop, AtomicReference<Throwable> later, CountDownLatch ended) {
        List<Thread> threads = new CopyOnWriteArrayList<>();
        RankException failure = failsPromptly(world, rank -> {
            threads.add(Thread.currentThread());
            allReduce(rank, 8);
            if (rank.index() == 1) {
                DeviceMatrix mine = zeros(rank, 4);
                while (!stop.get()) {
                    Thread.onSpinWait();
                }
                try {
                    mine.checked();
                } catch (IllegalStateException e) {
                    later.set(e);
                }
                ended.countDown();
                return;
            }
            allReduce(rank, 8);
        });
        assertContains(failure, "waited 1 s", "collective #2 of world", "rank 1 (after all_reduce #1 of world, now at");
        assertTrue(
                Arrays.stream(failure.getSuppressed())
                        .anyMatch(other -> other.getMessage().startsWith("abandoned rank 1")),
                () -> Arrays.toString(failure.getSuppressed()));
        assertEquals(1, warnings.messages().size(), () -> warnings.messages().toString());
        assertTrue(warnings.messages().get(0).startsWith("abandoned rank 1 (after all_reduce #1 of world, now at"));
        return threads;
    }

    @Test
    void theGraceIsASetting() {
        AtomicBoolean stop = new AtomicBoolean();
        try (World patient = World.builder(machine.kind(), 2)
                .devices(machine.devices())
                .limit(LIMIT)
                .grace(Duration.ofSeconds(30))
                .open()) {
            RankException failure = assertThrows(
                    RankException.class,
                    () -> patient.execute(rank -> {
                        if (rank.index() == 0) {
                            throw new IllegalStateException("a planted mistake");
                        }
                        Thread.sleep(10);
                        long start = System.nanoTime();
                        while (System.nanoTime() - start < 1_500_000_000L) {
                            Thread.onSpinWait(); // what no interrupt ends, for longer than the default's grace
                        }
                        stop.set(true);
                    }));
            assertEquals(OptionalInt.of(0), failure.rank());
            assertTrue(stop.get(), "the run waited");
            assertEquals(0, failure.getSuppressed().length, () -> Arrays.toString(failure.getSuppressed()));
        }
        assertThrows(
                IllegalArgumentException.class,
                () -> World.builder(machine.kind(), 2).grace(Duration.ZERO));
    }

    @Test
    void aRankThatReturnsWithoutACollectiveFailsTheRunAtOnce() {
        try (World world =
                World.builder(machine.kind(), 3).devices(machine.devices()).open()) {
            assertWorks(world);
            RankException first = failsPromptly(world, rank -> {
                if (rank.index() > 0) {
                    rank.comm().barrier();
                }
            });
            assertEquals(OptionalInt.of(0), first.rank());
            assertTrue(
                    first.getMessage()
                            .matches("rank 0 failed before its first collective: it returned without barrier #1"
                                    + " of world, in which rank [12] waits"),
                    first.getMessage());
            RankException later = failsPromptly(world, rank -> {
                allReduce(rank, 8);
                if (rank.index() != 1) {
                    allReduce(rank, 8);
                }
            });
            assertEquals(OptionalInt.of(1), later.rank());
            assertContains(
                    later,
                    "rank 1 failed after all_reduce #1 of world: it returned without all_reduce #2 of world, in which");
            RankException inGroup = failsPromptly(world, rank -> {
                Communicator pair = rank.comm().split(rank.index() / 2);
                if (rank.index() == 0) {
                    pair.barrier();
                }
            });
            assertEquals(OptionalInt.of(1), inGroup.rank());
            assertContains(inGroup, "it returned without barrier #1 of split 0 of world, in which rank 0 waits");
            assertWorks(world);
        }
        assertEquals(liveBefore, machine.liveBytes());
    }

    @Test
    void callersAreServedInTheirOrder() throws InterruptedException {
        List<Integer> served = new CopyOnWriteArrayList<>();
        List<Thread> callers = new ArrayList<>();
        try (World world = open(2)) {
            CountDownLatch begun = new CountDownLatch(1);
            CountDownLatch go = new CountDownLatch(1);
            Thread first = new Thread(() -> world.execute(rank -> {
                begun.countDown();
                go.await();
            }));
            first.start();
            assertTrue(awaits(begun));
            for (int i = 0; i < 8; i++) {
                int number = i;
                Thread caller = new Thread(() -> world.execute(rank -> {
                    if (rank.index() == 0) {
                        served.add(number);
                    }
                }));
                callers.add(caller);
                caller.start();
                while (caller.getState() != Thread.State.WAITING) {
                    Thread.sleep(1);
                }
            }
            go.countDown();
            first.join();
            for (Thread caller : callers) {
                caller.join();
            }
        }
        assertEquals(List.of(0, 1, 2, 3, 4, 5, 6, 7), served);
    }

    @Test
    void aLoadedValueIsFoundInASmallerGroup() {
        try (World world = open(4)) {
            PerRank<Integer> numbers = world.load(Rank::index);
            world.execute(rank -> {
                Rank member = rank.in(rank.comm().split(rank.index() / 2));
                assertEquals(rank.index(), member.worldRank());
                assertEquals(rank.index(), numbers.on(member));
            });
        }
    }

    @Test
    void aRankThatOutlivesTheOthersFailsTheRun() {
        try (World world = open(3)) {
            RankException failure = failsPromptly(world, rank -> {
                if (rank.index() == 2) {
                    new CountDownLatch(1).await();
                }
            });
            assertContains(failure, "rank 2 failed before its first collective", "did not return within 1 s");
            assertWorks(world);
        }
    }

    @Test
    void interruptingTheCallerCancelsTheRun() throws InterruptedException {
        try (World world =
                World.builder(machine.kind(), 3).devices(machine.devices()).open()) {
            AtomicReference<RankException> failure = new AtomicReference<>();
            AtomicBoolean stillInterrupted = new AtomicBoolean();
            CountDownLatch begun = new CountDownLatch(1);
            Thread caller = new Thread(() -> {
                failure.set(assertThrows(
                        RankException.class,
                        () -> world.execute(rank -> {
                            begun.countDown();
                            if (rank.index() > 0) {
                                allReduce(rank, 8);
                            } else {
                                new CountDownLatch(1).await();
                            }
                        })));
                stillInterrupted.set(Thread.currentThread().isInterrupted());
            });
            caller.start();
            assertTrue(awaits(begun));
            long start = System.nanoTime();
            caller.interrupt();
            caller.join(10_000);
            assertTrue(System.nanoTime() - start < PROMPT.toNanos());
            assertFalse(caller.isAlive());
            assertEquals(
                    "the run was cancelled: its caller was interrupted",
                    failure.get().getMessage());
            assertEquals(OptionalInt.empty(), failure.get().rank());
            assertTrue(stillInterrupted.get());
            assertWorks(world);
        }
        assertEquals(liveBefore, machine.liveBytes());
    }

    @Test
    void aFailedLoadLeavesNothing() {
        try (World world = open(3)) {
            RankException failure = assertThrows(
                    RankException.class,
                    () -> world.load(rank -> {
                        DeviceMatrix mine = zeros(rank, 64);
                        if (rank.index() == 1) {
                            throw new IllegalArgumentException("a planted mistake");
                        }
                        return mine;
                    }));
            assertEquals(OptionalInt.of(1), failure.rank());
            assertEquals(liveBefore, machine.liveBytes());
            assertWorks(world);
        }
    }

    @Test
    void aWorldRefusesItsOwnRanksAndUseAfterItsEnd() {
        World world = open(2);
        RankException nested =
                assertThrows(RankException.class, () -> world.execute(rank -> world.execute(other -> {})));
        assertContains(nested, "it would wait for itself");
        world.close();
        world.close();
        IllegalStateException closed = assertThrows(IllegalStateException.class, () -> assertWorks(world));
        assertEquals("the world of 2 ranks was used after it was closed", closed.getMessage());
        for (int ranks : new int[] {0, -1, World.MAX_RANKS + 1, 1_000_000_000}) {
            IllegalArgumentException refused =
                    assertThrows(IllegalArgumentException.class, () -> World.open(machine.kind(), ranks));
            assertEquals("ranks is " + ranks + ": a world has 1 to 4096 ranks", refused.getMessage());
        }
    }

    @Test
    void aCommunicatorRefusesOtherThreadsAndLaterRuns() {
        try (World world = open(2)) {
            AtomicReference<Communicator> leaked = new AtomicReference<>();
            world.execute(rank -> {
                if (rank.index() == 0) {
                    leaked.set(rank.comm());
                }
            });
            IllegalStateException thread =
                    assertThrows(IllegalStateException.class, () -> leaked.get().barrier());
            assertTrue(thread.getMessage().contains("only tp4j-rank-0 may"), thread.getMessage());
            RankException late = assertThrows(
                    RankException.class,
                    () -> world.execute(rank -> {
                        if (rank.index() == 0) {
                            leaked.get().barrier();
                        }
                    }));
            assertContains(late, "was used after its run");
        }
    }

    /** It has worked once: what the first run of all loads and compiles is not counted. */
    private World open(int ranks) {
        World world = World.builder(machine.kind(), ranks)
                .devices(machine.devices())
                .limit(LIMIT)
                .open();
        assertWorks(world);
        return world;
    }

    private static RankException failsPromptly(World world, RankAction work) {
        long start = System.nanoTime();
        RankException failure = assertThrows(RankException.class, () -> world.execute(work));
        Duration took = Duration.ofNanos(System.nanoTime() - start);
        assertTrue(took.compareTo(PROMPT) < 0, "took " + took + ": " + failure);
        return failure;
    }

    private static void assertWorks(World world) {
        List<Double> sums =
                world.runAll(rank -> rank.download(allReduce(rank, 8)).get(0, 7));
        for (double sum : sums) {
            assertEquals(world.size(), sum);
        }
    }

    private static void assertContains(RankException failure, String... parts) {
        for (String part : parts) {
            assertTrue(failure.getMessage().contains(part), "'" + part + "' is not in: " + failure.getMessage());
        }
    }

    private static boolean awaits(CountDownLatch latch) {
        try {
            return latch.await(10, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private static Replicated allReduce(Rank rank, int features) {
        return rank.comm().allReduce(partial(rank, DType.F32, features));
    }

    private static Partial partial(Rank rank, DType dtype, int features) {
        try (HostMatrix ones = host(features)) {
            return Partial.unchecked(
                    rank.member(), rank.comm().plan(64), dtype, rank.innermost().upload(ones, dtype.accumulator()));
        }
    }

    private static DeviceMatrix zeros(Rank rank, long features) {
        DeviceMatrix matrix = rank.innermost().allocate(DType.F32, 1, features);
        matrix.scope().stream().zero(matrix);
        return matrix;
    }

    private static HostMatrix host(int features) {
        float[] ones = new float[features];
        Arrays.fill(ones, 1);
        return HostMatrix.of(new float[][] {ones});
    }
}
