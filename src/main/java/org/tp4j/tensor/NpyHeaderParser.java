package org.tp4j.tensor;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * The Python dictionary in an {@code .npy} header, and nothing else of Python: the keys {@code descr} (a string),
 * {@code fortran_order} (True or False) and {@code shape} (a tuple of integers), each once, in any order.
 */
final class NpyHeaderParser {
    private static final int MAX_DIMENSIONS = 64; // NumPy's own limit

    private final Path file;
    private final String text;
    private final Set<String> seen = new HashSet<>();
    private int at;
    private String descr = "";
    private boolean fortranOrder;
    private List<Long> shape = List.of();

    private NpyHeaderParser(Path file, String text) {
        this.file = file;
        this.text = text;
    }

    /**
     * The parsed dictionary.
     *
     * @throws MatrixFileException naming the character where the header stops being one
     */
    static Dictionary parse(Path file, String text) throws MatrixFileException {
        NpyHeaderParser parser = new NpyHeaderParser(file, text);
        parser.dictionary();
        return new Dictionary(parser.descr, parser.fortranOrder, parser.shape);
    }

    /** What the header says. */
    record Dictionary(String descr, boolean fortranOrder, List<Long> shape) {}

    private void dictionary() throws MatrixFileException {
        expect('{');
        while (peek() != '}') {
            entry();
            if (peek() != '}') {
                expect(',');
            }
        }
        expect('}');
        for (String key : List.of("descr", "fortran_order", "shape")) {
            if (!seen.contains(key)) {
                throw refuse("has a header without '" + key + "'");
            }
        }
        if (peek() != '\n' || at != text.length() - 1) {
            throw unexpected("a newline at the end of the header");
        }
    }

    private void entry() throws MatrixFileException {
        String key = string();
        if (!seen.add(key)) {
            throw refuse("has a header with " + MatrixFileException.quote(key) + " twice");
        }
        expect(':');
        switch (key) {
            case "descr" -> descr = descr();
            case "fortran_order" -> fortranOrder = bool();
            case "shape" -> shape = tuple();
            default -> throw refuse("has a header with the unknown key " + MatrixFileException.quote(key));
        }
    }

    private String descr() throws MatrixFileException {
        if (peek() == '[') {
            throw NpyType.structured(file);
        }
        return string();
    }

    private String string() throws MatrixFileException {
        char quote = peek();
        if (quote != '\'' && quote != '"') {
            throw unexpected("a string");
        }
        int start = ++at;
        while (at < text.length() && text.charAt(at) != quote) {
            if (text.charAt(at) == '\\' || Character.isISOControl(text.charAt(at))) {
                throw unexpected("a plain character");
            }
            at++;
        }
        if (at == text.length()) {
            throw unexpected("the end of a string");
        }
        return text.substring(start, at++);
    }

    private boolean bool() throws MatrixFileException {
        boolean value = peek() == 'T';
        String word = value ? "True" : "False";
        if (!text.startsWith(word, at)) {
            throw unexpected("True or False");
        }
        at += word.length();
        return value;
    }

    private List<Long> tuple() throws MatrixFileException {
        expect('(');
        List<Long> values = new ArrayList<>();
        boolean comma = true;
        while (peek() != ')') {
            if (!comma) {
                throw unexpected("',' or ')'");
            }
            values.add(integer());
            comma = peek() == ',';
            at += comma ? 1 : 0;
        }
        if (values.size() == 1 && !comma) {
            throw unexpected("',' (a tuple of one is written (n,))");
        }
        expect(')');
        if (values.size() > MAX_DIMENSIONS) {
            throw refuse("has " + values.size() + " dimensions, more than NumPy's limit of " + MAX_DIMENSIONS);
        }
        return values;
    }

    private long integer() throws MatrixFileException {
        char first = peek();
        int start = at;
        at += first == '-' ? 1 : 0;
        while (at < text.length() && text.charAt(at) >= '0' && text.charAt(at) <= '9') {
            at++;
        }
        String digits = text.substring(start, at);
        if (digits.isEmpty() || digits.equals("-")) {
            at = start;
            throw unexpected("a size");
        }
        if (first == '-' || (first == '0' && digits.length() > 1)) {
            throw refuse("has the size " + MatrixFileException.quote(digits) + " in its shape");
        }
        if (at < text.length() && text.charAt(at) == 'L') { // Python 2 wrote sizes so
            at++;
        }
        try {
            return Long.parseLong(digits);
        } catch (NumberFormatException e) {
            throw refuse("has the size " + MatrixFileException.quote(digits) + ", more than 2^63 - 1, in its shape");
        }
    }

    /** The next character that is not a space, or NUL, which no header holds, at the end. */
    private char peek() {
        while (at < text.length() && text.charAt(at) == ' ') {
            at++;
        }
        return at < text.length() ? text.charAt(at) : '\0';
    }

    private void expect(char wanted) throws MatrixFileException {
        if (peek() != wanted || at == text.length()) {
            throw unexpected("'" + wanted + "'");
        }
        at++;
    }

    private MatrixFileException unexpected(String wanted) {
        boolean atEnd = at == text.length() || text.substring(at).equals("\n");
        String found = atEnd ? "its end" : MatrixFileException.quote(text.substring(at, at + 1));
        return refuse("has a header with " + found + " at character " + at + " where " + wanted + " should be");
    }

    private MatrixFileException refuse(String predicate) {
        return new MatrixFileException(
                file, predicate + ": it must look like {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }");
    }
}
