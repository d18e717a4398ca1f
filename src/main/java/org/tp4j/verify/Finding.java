package org.tp4j.verify;

import java.util.Map;
import java.util.Optional;
import org.tp4j.comm.Ledger;
import org.tp4j.tensor.HostMatrix;

/** What one check of a law found. */
record Finding(boolean passed, String detail) {
    /** That both matrices have the same bits. */
    static Finding sameBits(String what, HostMatrix expected, HostMatrix actual) {
        Optional<String> difference = Bits.difference(expected, actual);
        return new Finding(
                difference.isEmpty(), difference.map(d -> what + ": " + d).orElse(what + ": same bits"));
    }

    /** That a result is within its error bound. */
    static Finding within(String what, ErrorReport report) {
        return new Finding(report.passed(), what + ": " + report);
    }

    /** That a run performed these collectives and no others. */
    static Finding collectives(Ledger ledger, String operation) {
        boolean one = ledger.counts().equals(Map.of(operation, 1L));
        return new Finding(
                one, one ? "one " + operation : "collectives " + ledger.counts() + ", must be one " + operation);
    }

    /** That both hold; if one does not, what it found. */
    Finding and(Finding other) {
        if (passed != other.passed) {
            return passed ? other : this;
        }
        return new Finding(passed, detail + "; " + other.detail);
    }
}
