package org.tp4j.verify;

import java.util.List;
import java.util.Locale;
import org.tp4j.device.Device;
import org.tp4j.placement.ShardPlan;

/** What must be true of split layers, at every world size, dtype and shape. */
public enum Law {
    /** A column-parallel layer is the unsplit one, by one all-gather. */
    COLUMN_IS_UNSPLIT(
            "column-parallel = unsplit", "x W^T + b from slices of the output features, joined by one all-gather"),
    /** A row-parallel layer is the unsplit one, by one all-reduce. */
    ROW_IS_UNSPLIT(
            "row-parallel = unsplit", "x W^T + b from partial sums over the input features, added by one all-reduce"),
    /** A column-parallel layer, a nonlinearity and a row-parallel layer are the unsplit MLP, by one all-reduce. */
    MLP_IS_UNSPLIT("mlp = unsplit", "f(x W1) W2 + b by exactly one all-reduce"),
    /** The same with a gate. */
    GATED_MLP_IS_UNSPLIT("gated mlp = unsplit", "(f(x WG) * (x W1)) W2 + b by exactly one all-reduce"),
    /** After an all-reduce, all ranks hold the same bits. */
    RANKS_AGREE("all ranks agree", "every rank's copy of an all-reduced result has the same bits"),
    /** A run can be repeated. */
    RUNS_AGREE("two runs agree", "the same program gives the same bits again"),
    /** The all-reduce algorithms differ in speed only. */
    ALGORITHMS_AGREE("all-reduces agree", "eager, one-shot and two-shot all-reduces give the same bits"),
    /** An all-reduce adds in the order of the binary tree. */
    ALL_REDUCE_IS_TREE(
            "all-reduce = host's tree",
            "all-reduces have the bits of the ranks' own parts, downloaded and added by the host over the binary tree"),
    /** A reduce-scatter and an all-gather are an all-reduce. */
    SEQUENCE_PARALLEL_AGREES(
            "sequence-parallel = plain", "an mlp on sharded tokens gives the same bits as on replicated ones"),
    /** Memory that one collective leaves is not written by the next before all ranks have read it. */
    COLLECTIVES_IN_A_ROW(
            "collectives in a row",
            "each of several in one run gives the unsplit layer, on memory that the last one left"),
    /** In TP-invariant mode the world size does not change a result. */
    TP_INVARIANT("TP-invariant = 1 rank", "in TP-invariant mode a gated mlp has the same bits at 1, 2, 4 and 8 ranks");

    /** Sizes that are hard on such code: one row, primes, fewer features than ranks, none at all, block edges. */
    private static final List<Shape> LINEAR_SHAPES = List.of(
            new Shape(5, 48, 0, 40),
            new Shape(1, 257, 0, 131),
            new Shape(7, 3, 0, 2),
            new Shape(3, 0, 0, 11),
            new Shape(0, 16, 0, 9),
            new Shape(33, 512, 0, 128));

    private static final List<Shape> MLP_SHAPES = List.of(
            new Shape(5, 48, 64, 40),
            new Shape(1, 61, 127, 37),
            new Shape(7, 3, 5, 2),
            new Shape(0, 16, 24, 9),
            new Shape(33, 128, 384, 96));

    private final String title;
    private final String meaning;

    Law(String title, String meaning) {
        this.title = title;
        this.meaning = meaning;
    }

    /** The law in a few words, as tables print it. */
    public String title() {
        return title;
    }

    /** The law in a sentence. */
    public String meaning() {
        return meaning;
    }

    /** The name in machine-readable reports, e.g. {@code column_is_unsplit}. */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Whether the law says anything about worlds of this size. */
    public boolean appliesTo(int worldSize) {
        return this != TP_INVARIANT || ShardPlan.CANONICAL_BLOCKS % worldSize == 0;
    }

    /** Whether it does so if their ranks are bound to these devices in turn. */
    boolean appliesTo(int worldSize, List<Device> devices) {
        boolean alike = this != TP_INVARIANT
                || Device.difference(devices.subList(0, Math.min(worldSize, devices.size())))
                        .isEmpty();
        return alike && appliesTo(worldSize);
    }

    List<Shape> shapes() {
        return isOfMlps() ? MLP_SHAPES : LINEAR_SHAPES;
    }

    /** The sizes of a layer that this law is checked on, as reports print them. */
    String describe(Shape shape) {
        return isOfMlps() ? shape.mlp() : shape.linear();
    }

    private boolean isOfMlps() {
        return switch (this) {
            case COLUMN_IS_UNSPLIT,
                    ROW_IS_UNSPLIT,
                    RANKS_AGREE,
                    ALGORITHMS_AGREE,
                    ALL_REDUCE_IS_TREE,
                    COLLECTIVES_IN_A_ROW -> false;
            case MLP_IS_UNSPLIT, GATED_MLP_IS_UNSPLIT, RUNS_AGREE, SEQUENCE_PARALLEL_AGREES, TP_INVARIANT -> true;
        };
    }

    /** Looks whether the law holds in one trial. */
    Finding find(Trial trial) {
        return switch (this) {
            case COLUMN_IS_UNSPLIT -> UnsplitLaws.column(trial);
            case ROW_IS_UNSPLIT -> UnsplitLaws.row(trial);
            case MLP_IS_UNSPLIT -> UnsplitLaws.mlp(trial);
            case GATED_MLP_IS_UNSPLIT -> UnsplitLaws.gatedMlp(trial);
            case RANKS_AGREE -> SameBitsLaws.everyRank(trial);
            case RUNS_AGREE -> SameBitsLaws.twoRuns(trial);
            case ALGORITHMS_AGREE -> SameBitsLaws.algorithms(trial);
            case ALL_REDUCE_IS_TREE -> TreeLaw.find(trial);
            case SEQUENCE_PARALLEL_AGREES -> SameBitsLaws.sequenceParallel(trial);
            case COLLECTIVES_IN_A_ROW -> UnsplitLaws.inARow(trial);
            case TP_INVARIANT -> SameBitsLaws.tpInvariant(trial);
        };
    }
}
