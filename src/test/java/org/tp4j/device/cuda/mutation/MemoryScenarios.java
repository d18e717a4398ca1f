package org.tp4j.device.cuda.mutation;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import org.tp4j.comm.PerRank;
import org.tp4j.comm.RankException;
import org.tp4j.comm.World;
import org.tp4j.device.Device;
import org.tp4j.device.DeviceKind;
import org.tp4j.device.DeviceMatrix;
import org.tp4j.device.Event;
import org.tp4j.device.ReadGuard;
import org.tp4j.device.Scope;
import org.tp4j.device.ScopeStack;
import org.tp4j.device.Stream;
import org.tp4j.device.cuda.Emulator;
import org.tp4j.device.cuda.PeerTrialRun;
import org.tp4j.placement.Partial;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;

/** Transfers, failures, and the ends of memory, streams and worlds. */
final class MemoryScenarios {
    private static final Duration LIMIT = Duration.ofSeconds(20);

    private MemoryScenarios() {}

    static List<Scenario> all(boolean oneDevice) {
        int two = oneDevice ? 1 : 2;
        return List.of(
                new Scenario("five uploads", 1, on -> uploads(on, 4, 6, 5, 7, 6)),
                new Scenario("uploads that grow", 1, on -> uploads(on, 4, 4, 300, 300)),
                new Scenario("a download larger than what was uploaded", 1, MemoryScenarios::largerDownload),
                new Scenario("large matrices", 1, on -> uploads(on, 1700)),
                new Scenario("a rank that throws", two, MemoryScenarios::throwing),
                new Scenario("a device without memory", two, MemoryScenarios::withoutMemory),
                new Scenario("a stream that closes at work", 1, on -> closing(on, false)),
                new Scenario("a stream that closes at work with free memory", 1, on -> closing(on, true)),
                new Scenario("memory released after its stream", two, MemoryScenarios::releasedLate),
                new Scenario("memory left by a closed stream", two, MemoryScenarios::leftBehind));
    }

    /** On devices that would reach each other, but are not connected. */
    static List<Scenario> trials() {
        return List.of(new Scenario("a trial of peers", 2, MemoryScenarios::trial));
    }

    private static List<Long> uploads(List<Device> devices, int... sides) {
        try (World world = world(devices, 1)) {
            return world.run(rank -> {
                List<DeviceMatrix> uploaded = new ArrayList<>();
                for (int i = 0; i < sides.length; i++) {
                    uploaded.add(Memory.upload(rank.innermost(), i, sides[i], sides[i]));
                }
                return uploaded.stream()
                        .map(matrix -> Scenario.checksum(rank.download(matrix)))
                        .toList();
            });
        }
    }

    private static List<Long> largerDownload(List<Device> devices) {
        try (World world = world(devices, 1)) {
            return world.run(rank -> {
                Scope scope = rank.innermost();
                DeviceMatrix large = Memory.zeros(scope, 300, 300);
                Memory.upload(scope, 1);
                Memory.upload(scope, 2);
                return List.of(
                        Scenario.checksum(rank.download(large)),
                        Scenario.checksum(rank.download(Memory.upload(scope, 3))));
            });
        }
    }

    /** Rank 1 leaves the run while its device still reads rank 0's memory, which the next run uses again. */
    private static List<Long> throwing(List<Device> devices) {
        CyclicBarrier barrier = new CyclicBarrier(2);
        try (World world = world(devices, 2)) {
            List<Long> found = new ArrayList<>();
            try {
                world.execute(rank -> {
                    Memory.part(rank, barrier);
                    if (rank.index() == 1) {
                        throw new IllegalArgumentException("a planted mistake");
                    }
                });
            } catch (RankException e) {
                found.add((long) e.rank().orElseThrow());
            }
            found.addAll(world.runAll(rank -> {
                Memory.overwriteAll(rank, barrier);
                return Scenario.checksum(rank.download(Memory.upload(rank.innermost(), rank.index())));
            }));
            return found;
        }
    }

    /** Rank 0 finds no memory, and frees what rank 1 still reads. */
    private static List<Long> withoutMemory(List<Device> devices) {
        CyclicBarrier barrier = new CyclicBarrier(2);
        try (World world = world(devices, 2)) {
            PerRank<DeviceMatrix> sums = world.load(rank -> {
                DeviceMatrix sum;
                try (Scope inner = rank.scope()) {
                    DeviceMatrix given = Memory.doubled(inner, Memory.upload(inner, rank.index()));
                    Partial partial =
                            Partial.unchecked(rank.member(), rank.comm().plan(64), DType.F32, given);
                    sum = rank.comm().allReduce(partial).matrix();
                    inner.keep(sum);
                }
                Scenario.meet(barrier);
                if (rank.index() == 0) {
                    Emulator.configure("fault=cuMemAlloc:1:2");
                    Memory.zeros(rank.innermost(), 200, 200);
                }
                Scenario.meet(barrier);
                Memory.part(rank, barrier);
                return sum;
            });
            return world.runAll(rank -> {
                Memory.overwriteAll(rank, barrier);
                return Scenario.checksum(rank.download(sums.on(rank)));
            });
        }
    }

    private static List<Long> closing(List<Device> devices, boolean freed) {
        Stream stream = devices.get(0).openStream();
        Scope scope = new ScopeStack(stream).open("closed at work");
        Memory.upload(scope, 1);
        if (freed) {
            scope.close();
            stream.close();
        } else {
            stream.close();
            scope.close();
        }
        return List.of();
    }

    /** A reader that has enqueued its copy when it is asked to. */
    private static final class Reader implements ReadGuard, AutoCloseable {
        private final Stream stream;
        private final Scope scope;
        private final Event read;
        private boolean enqueued;

        Reader(Device device) {
            this.stream = device.openStream();
            this.scope = new ScopeStack(stream).open("a reader");
            this.read = device.createEvent();
        }

        DeviceMatrix read(DeviceMatrix source) {
            DeviceMatrix copy = scope.allocate(source.dtype(), source.rows(), source.columns());
            stream.copy(source, copy);
            stream.record(read);
            enqueued = true;
            return copy;
        }

        long checksum(DeviceMatrix matrix) {
            HostMatrix host = HostMatrix.allocate(matrix.dtype(), matrix.rows(), matrix.columns());
            stream.download(matrix, host, LIMIT);
            return Scenario.checksum(host);
        }

        @Override
        public boolean enqueued() {
            return enqueued;
        }

        @Override
        public void await(Stream waiting) {
            waiting.await(read);
        }

        @Override
        public boolean covers(ReadGuard earlier) {
            return false;
        }

        @Override
        public void close() {
            scope.close();
            stream.close();
            read.close();
        }
    }

    /** The owner's stream is closed, and a reader is at work, when the memory is released. */
    private static List<Long> releasedLate(List<Device> devices) {
        try (Reader reader = new Reader(devices.get(devices.size() - 1))) {
            Stream owner = devices.get(0).openStream();
            Scope scope = new ScopeStack(owner).open("released late");
            DeviceMatrix matrix = Memory.upload(scope, 1);
            owner.synchronize(LIMIT);
            owner.close();
            matrix.block().guardBy(reader);
            DeviceMatrix copy = reader.read(matrix);
            scope.close();
            return List.of(reader.checksum(copy));
        }
    }

    /** What one stream left to its readers is freed by the next that closes, while one of them is at work. */
    private static List<Long> leftBehind(List<Device> devices) {
        try (Reader reader = new Reader(devices.get(devices.size() - 1))) {
            Stream owner = devices.get(0).openStream();
            Scope scope = new ScopeStack(owner).open("left behind");
            DeviceMatrix matrix = Memory.upload(scope, 1);
            owner.synchronize(LIMIT);
            matrix.block().guardBy(reader);
            scope.close();
            owner.close();
            DeviceMatrix copy = reader.read(matrix);
            devices.get(0).openStream().close();
            return List.of(reader.checksum(copy));
        }
    }

    private static List<Long> trial(List<Device> devices) {
        if (devices.get(0).kind() == DeviceKind.CPU) {
            return List.of();
        }
        return List.of((long) PeerTrialRun.saidAmong(devices).hashCode());
    }

    private static World world(List<Device> devices, int ranks) {
        return World.builder(devices.get(0).kind(), ranks)
                .devices(devices)
                .limit(LIMIT)
                .open();
    }
}
