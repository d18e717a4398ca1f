package org.tp4j.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.tp4j.bench.AllReduceBench;
import org.tp4j.bench.GemmBench;
import org.tp4j.bench.GemmShape;
import org.tp4j.bench.MedianRatio;
import org.tp4j.bench.PeerException;
import org.tp4j.device.Backends;
import org.tp4j.device.Device;
import org.tp4j.tensor.DType;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Measures beside a peer, both in turn in one run. */
@Command(
        name = "bench",
        description = "Measure, with a peer in turn beside it, and print the ratio of both with its 95 % interval.",
        subcommands = {BenchCommand.Gemm.class, BenchCommand.AllReduce.class})
final class BenchCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() {
        spec.commandLine().usage(spec.commandLine().getOut());
        return ExitCode.OK;
    }

    /** What both benchmarks take. */
    static final class Options {
        @Mixin
        private DeviceOptions device;

        @Option(
                names = "--ranks",
                paramLabel = "N",
                defaultValue = "2",
                converter = RanksConverter.class,
                description = "How many ranks, and threads or processes of the peer (default: ${DEFAULT-VALUE}).")
        private int ranks;

        @Option(
                names = "--turns",
                paramLabel = "T",
                defaultValue = "21",
                description = "How often each side is measured (default: ${DEFAULT-VALUE}).")
        private int turns;

        private void check(Optional<String> peer, String only) {
            if (turns < 1) {
                throw new BadInputException("--turns is " + turns + ": it must be at least 1");
            }
            if (peer.isPresent() && !peer.get().equals(only)) {
                throw new BadInputException("--peer is " + peer.get() + ": this benchmark's peer is " + only);
            }
        }
    }

    /** One line of a result. */
    private record Line(String what, MedianRatio seconds, double target, double flops) {
        /** Whether the interval contains the target or lies below it. */
        boolean passed() {
            return seconds.low() <= target;
        }

        String text(String peer) {
            String rates = flops == 0
                    ? ""
                    : String.format(
                            Locale.ROOT,
                            " (%.1f and %.1f GFLOP/s)",
                            flops / seconds.ours() * 1e-9,
                            flops / seconds.peer() * 1e-9);
            return String.format(
                    Locale.ROOT,
                    "%-24s %10.3g s, %s %10.3g s%s: ratio %.2f (%.2f to %.2f)%s",
                    what,
                    seconds.ours(),
                    peer,
                    seconds.peer(),
                    rates,
                    seconds.ratio(),
                    seconds.low(),
                    seconds.high(),
                    Double.isFinite(target)
                            ? String.format(Locale.ROOT, ", target %.2f %s", target, passed() ? "held" : "MISSED")
                            : "");
        }

        Map<String, Object> json() {
            Map<String, Object> object = new LinkedHashMap<>();
            object.put("case", what);
            object.put("seconds", seconds.ours());
            object.put("peer_seconds", seconds.peer());
            object.put("ratio", seconds.ratio());
            object.put("ratio_low", seconds.low());
            object.put("ratio_high", seconds.high());
            object.put("target", target);
            object.put("passed", passed());
            return object;
        }
    }

    private static void print(
            PrintWriter out, boolean json, String command, String device, String peer, List<Line> lines) {
        if (json) {
            Map<String, Object> object = new LinkedHashMap<>();
            object.put("command", command);
            object.put("device", device);
            object.put("peer", peer);
            object.put("results", lines.stream().map(Line::json).toList());
            Json.print(out, object);
            return;
        }
        out.println(command + " on " + device + ", beside " + peer + ":");
        lines.forEach(line -> out.println("  " + line.text("peer")));
        out.println("a ratio is our median over the peer's, with its 95 % bootstrap interval");
        out.flush();
    }

    /** {@code y = x W^T} beside NumPy. */
    @Command(name = "gemm", description = "y = x W^T over ranks, beside NumPy with as many threads.")
    static final class Gemm implements Callable<Integer> {
        private static final double TARGET = 1.05;

        @Mixin
        private Options options;

        @Option(names = "--peer", paramLabel = "numpy", description = "The peer: numpy.")
        private Optional<String> peer = Optional.empty();

        @Option(
                names = "--python",
                paramLabel = "COMMAND",
                defaultValue = "python3",
                description = "The Python that has NumPy (default: ${DEFAULT-VALUE}).")
        private String python;

        @Spec
        private CommandSpec spec;

        @Override
        public Integer call() throws PeerException, InterruptedException {
            options.check(peer, "numpy");
            Device device = Backends.open(options.device.kind()).get(0);
            GemmBench bench = new GemmBench(device, options.ranks, python, options.turns);
            List<DType> dtypes = options.device.dtype().map(List::of).orElse(List.of(DType.F32, DType.F64));
            List<Line> lines = new ArrayList<>();
            try (Progress progress = Progress.onStandardError()) {
                for (DType dtype : dtypes) {
                    for (GemmShape shape : GemmBench.SHAPES) {
                        progress.step(dtype + " " + shape);
                        lines.add(new Line(dtype + " " + shape, bench.run(shape, dtype), TARGET, shape.flops()));
                    }
                }
            }
            print(
                    spec.commandLine().getOut(),
                    options.device.json(),
                    "bench gemm",
                    device.name(),
                    options.ranks + "-threaded NumPy",
                    lines);
            return ExitCode.OK;
        }
    }

    /** The all-reduce beside MPI's. */
    @Command(
            name = "allreduce",
            description =
                    "Fill a buffer, all-reduce it and read the result, in f32, beside MPI with as many processes.")
    static final class AllReduce implements Callable<Integer> {
        @Mixin
        private Options options;

        @Option(names = "--peer", paramLabel = "mpi", description = "The peer: mpi.")
        private Optional<String> peer = Optional.empty();

        @Spec
        private CommandSpec spec;

        @Override
        public Integer call() throws PeerException {
            options.check(peer, "mpi");
            if (options.device.dtype().orElse(DType.F32) != DType.F32) {
                throw new BadInputException(
                        "--dtype is " + options.device.dtype().get() + ": this benchmark is in f32");
            }
            AllReduceBench.Settings settings = new AllReduceBench.Settings(
                    options.device.kind(), options.ranks, AllReduceBench.SIZES, options.turns);
            List<Line> lines = new ArrayList<>();
            AllReduceBench.Report report;
            try (Progress progress = Progress.onStandardError()) {
                progress.step("warming up");
                report = AllReduceBench.run(settings, result -> {
                    progress.step(result.bytes() + " bytes done");
                    lines.add(new Line(result.bytes() + " bytes", result.seconds(), result.target(), 0));
                });
            }
            print(
                    spec.commandLine().getOut(),
                    options.device.json(),
                    "bench allreduce, " + report.ranks() + " ranks",
                    report.device(),
                    report.peer(),
                    lines);
            return ExitCode.OK;
        }
    }
}
