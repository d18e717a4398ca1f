package org.tp4j.cli;

import java.io.PrintWriter;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.tp4j.comm.Ledger;
import org.tp4j.comm.World;
import org.tp4j.device.Device;
import org.tp4j.placement.ShardPlan;
import org.tp4j.tensor.HostMatrix;
import org.tp4j.tensor.MatrixFileException;
import org.tp4j.tensor.Tensor;
import org.tp4j.verify.Arithmetic;
import org.tp4j.verify.Bits;
import org.tp4j.verify.Comparison;
import org.tp4j.verify.ErrorReport;

/** Runs a layer split, compares it with the unsplit one if asked to, and says what came of it. */
final class LayerRun {
    /** The ranks run the same code, so a long wait means a large layer, not a lost rank. */
    private static final Duration LIMIT = Duration.ofHours(1);

    private final Layer layer;
    private final LayerOptions options;
    private final PrintWriter out;

    LayerRun(Layer layer, LayerOptions options, PrintWriter out) {
        this.layer = layer;
        this.options = options;
        this.out = out;
    }

    private record Outcome(Tensor result, Device device, Ledger ledger, double seconds) {}

    private record Check(ErrorReport error, boolean bitwiseEqual, boolean passed) {}

    int run() throws MatrixFileException {
        Optional<OutputFile> file = options.out().map(OutputFile::new);
        file.ifPresent(output -> output.check(layer.inputs()));
        Outcome outcome;
        Optional<Check> check = Optional.empty();
        try (Progress progress = Progress.onStandardError()) {
            progress.step(layer.command() + " over " + options.ranks() + " ranks");
            outcome = split(options.ranks());
            if (options.check()) {
                progress.step("the unsplit layer, and the reference in higher precision");
                check = Optional.of(check(outcome));
            }
            if (file.isPresent()) {
                progress.step("writing " + file.get().path());
                file.get().write(outcome.result());
            }
        }
        if (options.device().json()) {
            Json.print(out, json(outcome, check));
        } else {
            print(outcome, check);
        }
        return check.map(Check::passed).orElse(true) ? ExitCode.OK : ExitCode.CHECK_FAILED;
    }

    private Outcome split(int ranks) {
        try (World world = World.builder(options.device().kind(), ranks)
                .tpInvariant(options.tpInvariant())
                .limit(LIMIT)
                .open()) {
            long start = System.nanoTime();
            HostMatrix y = world.compute(layer.forward());
            double seconds = (System.nanoTime() - start) * 1e-9;
            Tensor result = Tensor.outputOf(layer.x().tensor().shape(), y);
            return new Outcome(result, world.device(0), world.ledger(), seconds);
        }
    }

    private Check check(Outcome outcome) {
        HostMatrix result = outcome.result().matrix();
        int blocks = options.tpInvariant() ? ShardPlan.CANONICAL_BLOCKS : options.ranks();
        Arithmetic arithmetic = Arithmetic.of(outcome.device(), layer.dtype(), layer.summed() ? blocks : 1);
        ErrorReport error;
        try (WholeInputs whole = new WholeInputs(layer.inputs())) {
            error = Comparison.of(layer.problem().apply(whole.matrices()), arithmetic, result);
        }
        try (Tensor unsplit = split(1).result()) {
            boolean equal = Bits.equal(unsplit.matrix(), result);
            return new Check(error, equal, error.passed() && (equal || !options.tpInvariant()));
        }
    }

    private Map<String, Object> json(Outcome outcome, Optional<Check> check) {
        Map<String, Object> object = new LinkedHashMap<>();
        object.put("command", layer.command());
        object.put("device", outcome.device().name());
        object.put("world_size", options.ranks());
        object.put("dtype", layer.dtype().label());
        object.put("weight_layout", layer.layout().label());
        object.put("shape", outcome.result().shape());
        object.put("collectives", outcome.ledger().counts());
        object.put("bytes_moved", outcome.ledger().bytesMoved());
        object.put("seconds", outcome.seconds());
        check.ifPresent(found -> {
            object.put("max_abs_error", found.error().maxAbsError());
            object.put("max_error_over_bound", found.error().maxErrorOverBound());
            object.put("bitwise_equal", found.bitwiseEqual());
            object.put("passed", found.passed());
        });
        return object;
    }

    private void print(Outcome outcome, Optional<Check> check) {
        out.printf(
                Locale.ROOT,
                "%s: %s -> y %s in %s%n",
                layer.command(),
                layer.shapes(),
                outcome.result().shapeText(),
                layer.dtype());
        out.printf(
                Locale.ROOT,
                "  %d rank%s on %s: %s, %d bytes moved, %.3g s%n",
                options.ranks(),
                options.ranks() == 1 ? "" : "s",
                outcome.device().name(),
                collectives(outcome.ledger()),
                outcome.ledger().bytesMoved(),
                outcome.seconds());
        check.ifPresent(found -> out.printf(
                "  %s: %s; bits %s the unsplit layer's%n",
                found.passed() ? "passed" : "FAILED", found.error(), found.bitwiseEqual() ? "equal" : "differ from"));
        options.out().ifPresent(path -> out.printf("  y is in %s%n", path));
        out.flush();
    }

    private static String collectives(Ledger ledger) {
        return ledger.counts().entrySet().stream()
                .map(entry -> entry.getValue() + " " + entry.getKey())
                .reduce((left, right) -> left + ", " + right)
                .orElse("no collective");
    }
}
