package org.tp4j.device.cuda;

import java.util.ArrayList;
import java.util.List;
import org.tp4j.comm.Rank;
import org.tp4j.comm.World;
import org.tp4j.device.Device;
import org.tp4j.placement.Partial;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;

/**
 * Gathers first and sums first, on all emulated devices, each time as in a new process; prints how many elements are wrong,
 * and how many pairs of devices are direct.
 */
public final class PeerOrder {
    private static final long ROWS = 64;
    private static final long COLUMNS = 1024;

    private PeerOrder() {}

    /**
     * Does what its arguments say.
     *
     * @param arguments {@code childless}: no child process can be started; {@code no-faults}: what the environment plans
     *     strikes in children alone
     */
    public static void main(String[] arguments) {
        new CudaBackend().probe(); // loads the driver
        for (String argument : arguments) {
            switch (argument) {
                case "childless" -> System.setProperty("java.home", "/nonexistent");
                case "no-faults" -> Emulator.configure("faults=none");
                default -> throw new IllegalArgumentException(argument);
            }
        }
        System.out.println("gather first: " + wrong(true));
        Emulator.configure("restart=now");
        System.out.println("sum first: " + wrong(false));
        System.out.println("reports: " + Emulator.takeReports() + Emulator.count("dead"));
    }

    private static String wrong(boolean gatherFirst) {
        List<Device> devices = new CudaBackend().probe().devices();
        long wrong = 0;
        for (int run = 0; run < 2; run++) { // a second world knows what the first one found
            try (World world = World.builder(devices.get(0).kind(), devices.size())
                    .devices(devices)
                    .open()) {
                for (boolean gather : List.of(gatherFirst, !gatherFirst, gatherFirst)) {
                    wrong += world.runAll(rank -> gather ? wrongGathered(rank) : wrongSummed(rank)).stream()
                            .mapToLong(Long::longValue)
                            .sum();
                }
            }
        }
        List<PeerPair> direct = new ArrayList<>(PeerPair.among(devices));
        direct.removeIf(pair -> !pair.first().peers().inPlace(pair.second(), pair.first()));
        return wrong + " wrong, direct " + direct.stream().map(PeerPair::code).toList();
    }

    private static long wrongGathered(Rank rank) {
        try (HostMatrix x = matrix(0)) {
            return wrong(rank.download(rank.comm().allGather(rank.shardTokens(x, DType.F32))), 1, 0);
        }
    }

    private static long wrongSummed(Rank rank) {
        try (HostMatrix summand = matrix(rank.index())) {
            Partial partial = Partial.unchecked(
                    rank.member(),
                    rank.comm().plan(COLUMNS),
                    DType.F32,
                    rank.innermost().upload(summand, DType.F32));
            int ranks = rank.groupSize();
            return wrong(rank.download(rank.comm().allReduce(partial)), ranks, ranks * (ranks - 1) / 2);
        }
    }

    private static HostMatrix matrix(int first) {
        HostMatrix matrix = HostMatrix.allocate(DType.F32, ROWS, COLUMNS);
        for (long row = 0; row < ROWS; row++) {
            for (long column = 0; column < COLUMNS; column++) {
                matrix.set(row, column, (double) (first + row * COLUMNS + column));
            }
        }
        return matrix;
    }

    /** Elements that are not {@code factor * (their place) + offset}; small integers, so that every sum is exact. */
    private static long wrong(HostMatrix found, int factor, int offset) {
        long wrong = 0;
        try (found) {
            for (long row = 0; row < ROWS; row++) {
                for (long column = 0; column < COLUMNS; column++) {
                    wrong += found.get(row, column) == factor * (row * COLUMNS + column) + offset ? 0 : 1;
                }
            }
        }
        return wrong;
    }
}
