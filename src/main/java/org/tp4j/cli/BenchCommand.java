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
import org.tp4j.bench.ResidentAllReduce;
import org.tp4j.device.Backends;
import org.tp4j.device.Device;
import org.tp4j.device.DeviceKind;
import org.tp4j.tensor.DType;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Measures alone or beside a peer, both in turn in one run. */
@Command(
        name = "bench",
        description = "Measure, with a peer in turn beside it, and print the ratio of both with its 95 %% interval.",
        subcommands = {BenchCommand.Gemm.class, BenchCommand.AllReduce.class})
final class BenchCommand implements Callable<Integer> {
    private static final String NONE = "none";

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

        /** The peer that was named, or the usual one; empty if there shall be none. */
        private Optional<String> peer(Optional<String> named, String usual, List<String> peers) {
            if (turns < 1) {
                throw new BadInputException("--turns is " + turns + ": it must be at least 1");
            }
            String peer = named.orElse(usual);
            if (!peer.equals(NONE) && !peers.contains(peer)) {
                throw new BadInputException(
                        "--peer is " + peer + ": this benchmark's peer is " + String.join(", ", peers) + " or " + NONE);
            }
            return Optional.of(peer).filter(peers::contains);
        }
    }

    /** One line of a result. */
    private record Line(String what, double seconds, Optional<MedianRatio> beside, double target, double flops) {
        static Line alone(String what, double seconds, double flops) {
            return new Line(what, seconds, Optional.empty(), Double.POSITIVE_INFINITY, flops);
        }

        static Line beside(String what, MedianRatio seconds, double target, double flops) {
            return new Line(what, seconds.ours(), Optional.of(seconds), target, flops);
        }

        /** Whether the interval contains the target or lies below it. */
        private boolean passed(MedianRatio ratio) {
            return ratio.low() <= target;
        }

        String text() {
            return String.format(Locale.ROOT, "%-24s %10.3g s%s", what, seconds, rate(seconds))
                    + beside.map(this::text).orElse("");
        }

        private String text(MedianRatio ratio) {
            String text = String.format(
                    Locale.ROOT,
                    ", peer %10.3g s%s: ratio %.2f (%.2f to %.2f)",
                    ratio.peer(),
                    rate(ratio.peer()),
                    ratio.ratio(),
                    ratio.low(),
                    ratio.high());
            return Double.isInfinite(target)
                    ? text
                    : text + String.format(Locale.ROOT, ", target %.2f %s", target, passed(ratio) ? "held" : "MISSED");
        }

        private String rate(double seconds) {
            return flops == 0 ? "" : String.format(Locale.ROOT, " (%.1f GFLOP/s)", flops / seconds * 1e-9);
        }

        Map<String, Object> json() {
            Map<String, Object> object = new LinkedHashMap<>();
            object.put("case", what);
            object.put("seconds", seconds);
            beside.ifPresent(ratio -> {
                object.put("peer_seconds", ratio.peer());
                object.put("ratio", ratio.ratio());
                object.put("ratio_low", ratio.low());
                object.put("ratio_high", ratio.high());
                object.put("target", target);
                object.put("passed", passed(ratio));
            });
            return object;
        }
    }

    private static void print(
            PrintWriter out, boolean json, String command, String device, String peer, List<Line> lines) {
        if (json) {
            printJson(out, command, device, peer, lines.stream().map(Line::json).toList());
            return;
        }
        boolean alone = peer.equals(NONE);
        out.println(command + " on " + device + (alone ? "" : ", beside " + peer) + ":");
        lines.forEach(line -> out.println("  " + line.text()));
        out.println(
                alone
                        ? "a time is the median of all turns"
                        : "a ratio is our median over the peer's, with its 95 % bootstrap interval");
        out.flush();
    }

    private static void printJson(
            PrintWriter out, String command, String device, String peer, List<Map<String, Object>> results) {
        Map<String, Object> object = new LinkedHashMap<>();
        object.put("command", command);
        object.put("device", device);
        object.put("peer", peer);
        object.put("results", results);
        Json.print(out, object);
    }

    /** {@code y = x W^T} alone, or beside NumPy or PyTorch. */
    @Command(
            name = "gemm",
            description =
                    "y = x W^T over ranks, beside NumPy with as many threads, or PyTorch on the first CUDA device.")
    static final class Gemm implements Callable<Integer> {
        private static final double TARGET = 1.05;

        @Mixin
        private Options options;

        @Option(
                names = "--peer",
                paramLabel = "numpy|torch|none",
                description = "The peer (default: torch for CUDA devices, else numpy).")
        private Optional<String> peer = Optional.empty();

        @Option(
                names = "--python",
                paramLabel = "COMMAND",
                defaultValue = "python3",
                description = "The Python that has the peer (default: ${DEFAULT-VALUE}).")
        private String python;

        @Option(
                names = "--shape",
                paramLabel = "TOKENS,IN,OUT",
                converter = ShapeConverter.class,
                description = "Sizes of a product; may be repeated (default: four of a 7-billion-parameter model's).")
        private List<GemmShape> shapes = GemmBench.SHAPES;

        @Spec
        private CommandSpec spec;

        @Override
        public Integer call() throws PeerException, InterruptedException {
            Device device = Backends.open(options.device.kind(), 1).get(0);
            boolean cuda = device.kind() == DeviceKind.CUDA;
            Optional<String> chosen = options.peer(peer, cuda ? "torch" : "numpy", List.of("numpy", "torch"));
            GemmBench bench = new GemmBench(device, options.ranks, options.turns);
            List<DType> dtypes = options.device.dtype().map(List::of).orElse(List.of(DType.F32, DType.F64));
            List<Line> lines = new ArrayList<>();
            try (Progress progress = Progress.onStandardError()) {
                for (DType dtype : dtypes) {
                    for (GemmShape shape : shapes) {
                        progress.step(dtype + " " + shape);
                        lines.add(line(bench, chosen, shape, dtype));
                    }
                }
            }
            print(
                    spec.commandLine().getOut(),
                    options.device.json(),
                    "bench gemm, " + options.ranks + " ranks",
                    device.name(),
                    chosen.map(this::title).orElse(NONE),
                    lines);
            return ExitCode.OK;
        }

        private Line line(GemmBench bench, Optional<String> chosen, GemmShape shape, DType dtype)
                throws PeerException, InterruptedException {
            String what = dtype + " " + shape;
            if (chosen.isEmpty()) {
                return Line.alone(what, bench.alone(shape, dtype), shape.flops());
            }
            boolean numpy = chosen.get().equals("numpy");
            MedianRatio seconds =
                    bench.beside(numpy ? GemmBench.Peer.NUMPY : GemmBench.Peer.TORCH, python, shape, dtype);
            return Line.beside(what, seconds, numpy ? TARGET : Double.POSITIVE_INFINITY, shape.flops());
        }

        private String title(String chosen) {
            return chosen.equals("numpy") ? options.ranks + "-threaded NumPy" : "PyTorch on one device";
        }
    }

    /** The all-reduce alone, or beside MPI's. */
    @Command(
            name = "allreduce",
            description =
                    "Fill a buffer, all-reduce it and read the result, in f32, beside MPI with as many processes; on CUDA "
                            + "devices alone, all-reduce what lies there, many times in a row.")
    static final class AllReduce implements Callable<Integer> {
        @Mixin
        private Options options;

        @Option(
                names = "--peer",
                paramLabel = "mpi|none",
                description = "The peer (default: none for CUDA devices, else mpi).")
        private Optional<String> peer = Optional.empty();

        @Option(
                names = "--bytes",
                paramLabel = "BYTES",
                description = "Size of one rank's buffer; may be repeated (default: 4 KiB, 64 KiB, 1 MiB and 16 MiB).")
        private List<Long> sizes = AllReduceBench.SIZES;

        @Spec
        private CommandSpec spec;

        @Override
        public Integer call() throws PeerException {
            boolean cuda = Backends.open(options.device.kind(), 1).get(0).kind() == DeviceKind.CUDA;
            Optional<String> chosen = options.peer(peer, cuda ? NONE : "mpi", List.of("mpi"));
            if (options.device.dtype().orElse(DType.F32) != DType.F32) {
                throw new BadInputException(
                        "--dtype is " + options.device.dtype().get() + ": this benchmark is in f32");
            }
            for (long size : sizes) {
                if (!AllReduceBench.isSize(size)) {
                    throw new BadInputException("--bytes is " + size + ": it must be a positive multiple of "
                            + Float.BYTES + ", the bytes of an f32");
                }
            }
            if (cuda && chosen.isEmpty()) {
                return resident();
            }
            AllReduceBench.Settings settings =
                    new AllReduceBench.Settings(options.device.kind(), options.ranks, sizes, options.turns);
            return chosen.isEmpty() ? alone(settings) : besideMpi(settings);
        }

        /** A cycle from host memory and back would hide what a GPU takes. */
        private int resident() {
            List<ResidentAllReduce.Result> results = new ArrayList<>();
            String device;
            try (Progress progress = Progress.onStandardError();
                    ResidentAllReduce bench = new ResidentAllReduce(options.device.kind(), options.ranks)) {
                device = bench.device();
                for (long bytes : sizes) {
                    progress.step(bytes + " bytes");
                    results.add(bench.measure(bytes, options.turns));
                }
            }
            PrintWriter out = spec.commandLine().getOut();
            String command = "bench allreduce, " + options.ranks + " ranks";
            if (options.device.json()) {
                printJson(
                        out,
                        command,
                        device,
                        NONE,
                        results.stream().map(AllReduce::json).toList());
                return ExitCode.OK;
            }
            out.println(command + " on " + device + ":");
            out.printf("%12s %12s %12s %14s %14s%n", "bytes", "elements", "time (us)", "algbw (GB/s)", "busbw (GB/s)");
            for (ResidentAllReduce.Result result : results) {
                out.printf(
                        Locale.ROOT,
                        "%12d %12d %12.2f %14.3f %14.3f%n",
                        result.bytes(),
                        result.bytes() / Float.BYTES,
                        result.seconds() * 1e6,
                        result.algorithmBandwidth() * 1e-9,
                        result.busBandwidth() * 1e-9);
            }
            out.println(
                    "a time is the median of all turns; algbw = bytes / time, busbw = algbw * 2 (N - 1) / N for N ranks;"
                            + " every sum was right");
            out.flush();
            return ExitCode.OK;
        }

        private static Map<String, Object> json(ResidentAllReduce.Result result) {
            Map<String, Object> object = new LinkedHashMap<>();
            object.put("case", result.bytes() + " bytes");
            object.put("bytes", result.bytes());
            object.put("elements", result.bytes() / Float.BYTES);
            object.put("seconds", result.seconds());
            object.put("algbw_gb_per_s", result.algorithmBandwidth() * 1e-9);
            object.put("busbw_gb_per_s", result.busBandwidth() * 1e-9);
            return object;
        }

        private int alone(AllReduceBench.Settings settings) throws PeerException {
            List<Line> lines = new ArrayList<>();
            String device;
            try (Progress progress = Progress.onStandardError()) {
                progress.step("warming up");
                device = AllReduceBench.alone(settings, (bytes, seconds) -> {
                    progress.step(bytes + " bytes done");
                    lines.add(Line.alone(bytes + " bytes", seconds, 0));
                });
            }
            return printed(device, NONE, lines);
        }

        private int besideMpi(AllReduceBench.Settings settings) throws PeerException {
            List<Line> lines = new ArrayList<>();
            AllReduceBench.Report report;
            try (Progress progress = Progress.onStandardError()) {
                progress.step("warming up");
                report = AllReduceBench.run(settings, result -> {
                    progress.step(result.bytes() + " bytes done");
                    lines.add(Line.beside(result.bytes() + " bytes", result.seconds(), result.target(), 0));
                });
            }
            return printed(report.device(), report.peer(), lines);
        }

        private int printed(String device, String peer, List<Line> lines) {
            print(
                    spec.commandLine().getOut(),
                    options.device.json(),
                    "bench allreduce, " + options.ranks + " ranks",
                    device,
                    peer,
                    lines);
            return ExitCode.OK;
        }
    }
}
