package org.tp4j.bench;

import java.util.List;
import org.tp4j.comm.Rank;
import org.tp4j.comm.World;
import org.tp4j.device.DeviceKind;
import org.tp4j.device.DeviceMatrix;
import org.tp4j.device.Scope;
import org.tp4j.device.Stream;
import org.tp4j.placement.Partial;
import org.tp4j.placement.Replicated;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;

/** Our side: a {@link World}, through its public interface alone. */
final class WorldCycle implements AllReduceCycle {
    private static final long PIECE = 16_384; // elements

    private final World world;

    WorldCycle(DeviceKind kind, int ranks) {
        this(World.open(kind, ranks));
    }

    /** On a world that is closed with this. */
    WorldCycle(World world) {
        this.world = world;
    }

    /** What the ranks run on. */
    String device() {
        return world.device(0).name();
    }

    @Override
    public double measure(long elements, long cycles) {
        return world.run(rank -> {
            try (Buffers buffers = new Buffers(rank)) {
                for (long cycle = 0; cycle <= cycles / 8; cycle++) { // not timed: caches and clocks settle
                    buffers.cycle(elements, cycle);
                }
                rank.comm().barrier();
                long start = System.nanoTime();
                for (long cycle = 0; cycle < cycles; cycle++) {
                    buffers.cycle(elements, cycle);
                }
                return (System.nanoTime() - start) * 1e-9 / cycles;
            }
        });
    }

    @Override
    public void close() {
        world.close();
    }

    /** One rank's pieces of host memory: what is filled in, in turn, and what was read last. */
    private static final class Buffers implements AutoCloseable {
        private final Rank rank;
        private final Stream stream;
        private final List<HostMatrix> filled;
        private final HostMatrix seen = HostMatrix.allocate(DType.F32, 1, PIECE);

        Buffers(Rank rank) {
            this.rank = rank;
            this.stream = rank.innermost().stream();
            this.filled = List.of(piece(rank.index() + 1), piece(rank.index() + 2));
        }

        private static HostMatrix piece(int value) {
            HostMatrix piece = HostMatrix.allocate(DType.F32, 1, PIECE);
            for (long i = 0; i < PIECE; i++) {
                piece.set(0, i, value);
            }
            return piece;
        }

        void cycle(long elements, long cycle) {
            int turn = (int) (cycle & 1);
            int ranks = rank.groupSize();
            try (Scope scope = rank.scope()) {
                DeviceMatrix part = scope.allocate(DType.F32, 1, elements);
                fill(part, filled.get(turn));
                Partial partial = Partial.unchecked(rank.member(), rank.comm().plan(elements), DType.F32, part);
                Replicated sum = rank.comm().allReduce(partial);
                check(sum.matrix(), ranks * (ranks + 1) / 2 + turn * ranks);
            }
        }

        private void fill(DeviceMatrix part, HostMatrix piece) {
            for (long at = 0; at < part.columns(); at += PIECE) {
                long length = Math.min(PIECE, part.columns() - at);
                stream.upload(piece.columns(0, length), part.columns(at, at + length));
            }
        }

        private void check(DeviceMatrix sum, double expected) {
            for (long at = 0; at < sum.columns(); at += PIECE) {
                long length = Math.min(PIECE, sum.columns() - at);
                stream.download(sum.columns(at, at + length), seen.columns(0, length), World.DEFAULT_LIMIT);
                double last = seen.get(0, length - 1);
                if (last != expected) {
                    throw new IllegalStateException("element " + (at + length - 1) + " of the all-reduce is " + last
                            + ": " + expected + " is the sum");
                }
            }
        }

        @Override
        public void close() {
            filled.forEach(HostMatrix::close);
            seen.close();
        }
    }
}
