package org.tp4j.verify;

import java.util.Locale;
import java.util.Optional;

/**
 * How a result compares with the oracle's, element by element.
 *
 * @param maxAbsError largest {@code |y - ref|}; infinite if a NaN or an infinity is where it should not be
 * @param maxErrorOverBound largest error in units of its bound, where 0/0 is 0: at most 1 in a right result
 * @param worst the element with the largest error over its bound; empty if no element has an error
 * @param unbounded how many elements were accepted unseen, because an intermediate result of theirs may overflow
 */
public record ErrorReport(double maxAbsError, double maxErrorOverBound, Optional<Element> worst, long unbounded) {
    /** Nothing compared yet. */
    static final ErrorReport EMPTY = new ErrorReport(0, 0, Optional.empty(), 0);

    /** Whether every element is within its bound. */
    public boolean passed() {
        return maxErrorOverBound <= 1;
    }

    /** The report on the elements of both. */
    ErrorReport and(ErrorReport other) {
        boolean mine = maxErrorOverBound > other.maxErrorOverBound
                || (maxErrorOverBound == other.maxErrorOverBound && isBefore(other));
        return new ErrorReport(
                Math.max(maxAbsError, other.maxAbsError),
                Math.max(maxErrorOverBound, other.maxErrorOverBound),
                mine ? worst : other.worst,
                unbounded + other.unbounded);
    }

    private boolean isBefore(ErrorReport other) {
        if (worst.isEmpty() || other.worst.isEmpty()) {
            return worst.isPresent();
        }
        Element a = worst.get();
        Element b = other.worst.get();
        return a.row < b.row || (a.row == b.row && a.column < b.column);
    }

    /** One line for people. */
    @Override
    public String toString() {
        String text = String.format(Locale.ROOT, "max error %.3g, %.3g of its bound", maxAbsError, maxErrorOverBound);
        return text
                + (passed() ? "" : worst.map(element -> ": " + element).orElse(""))
                + (unbounded == 0 ? "" : "; " + unbounded + " elements may overflow and have no bound");
    }

    /**
     * One element of a result.
     *
     * @param value what the result has
     * @param reference what the oracle has
     * @param bound how far they may be apart
     */
    public record Element(long row, long column, double value, double reference, double bound) {
        @Override
        public String toString() {
            return "y(" + row + ", " + column + ") is " + value + ", must be " + reference + " within " + bound;
        }
    }
}
