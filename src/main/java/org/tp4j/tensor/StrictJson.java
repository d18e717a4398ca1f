package org.tp4j.tensor;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/** JSON of a known form, read as a stream: every step says what it expects, and anything else is refused. */
final class StrictJson implements Closeable {
    private static final int MAX_DEPTH = 16;
    private static final int MAX_NAME = 1 << 16;
    private static final int MAX_SIZES = 64;
    private static final JsonFactory FACTORY = JsonFactory.builder()
            .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES) // names are mostly different: keep no table of them
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxNestingDepth(MAX_DEPTH)
                    .maxNameLength(MAX_NAME)
                    .build())
            .build();

    private final Path file;
    private final String part;
    private final JsonParser parser;

    /** @param part what of the file this is, e.g. {@code header} */
    StrictJson(Path file, String part, InputStream bytes) throws IOException {
        this.file = file;
        this.part = part;
        this.parser = FACTORY.createParser(new InputStreamReader(bytes, StandardCharsets.UTF_8.newDecoder()));
    }

    /** Steps into an object. */
    void beginObject(String what) throws IOException {
        if (next() != JsonToken.START_OBJECT) {
            throw unexpected(what + ", an object");
        }
    }

    /** Steps to the object's next name; false, and out of the object, at its end. */
    boolean nextName() throws IOException {
        return next() == JsonToken.FIELD_NAME;
    }

    /** The name that {@link #nextName} found. */
    String name() throws IOException {
        return parser.currentName();
    }

    /** The next value, a string. */
    String string(String what) throws IOException {
        if (next() != JsonToken.VALUE_STRING) {
            throw unexpected(what + ", a string");
        }
        return text();
    }

    /** The next value, an array of sizes from 0 to 2^63 - 1. */
    List<Long> sizes(String what) throws IOException {
        if (next() != JsonToken.START_ARRAY) {
            throw unexpected(what + ", an array of sizes");
        }
        List<Long> sizes = new ArrayList<>();
        while (next() != JsonToken.END_ARRAY) {
            if (sizes.size() == MAX_SIZES) {
                throw refuse("has more than " + MAX_SIZES + " numbers in " + what);
            }
            sizes.add(size(what));
        }
        return sizes;
    }

    /** Passes over the next value, whatever it is. */
    void skip() throws IOException {
        try {
            parser.nextToken();
            parser.skipChildren();
        } catch (JsonProcessingException | CharacterCodingException e) {
            throw invalid(e);
        }
    }

    /** Checks that nothing but white space follows. */
    void end() throws IOException {
        if (next() != null) {
            throw unexpected("its end");
        }
    }

    /** The refusal of what was just read. */
    MatrixFileException refuse(String predicate) {
        return new MatrixFileException(
                file, predicate + " near character " + offset() + " of its " + part + ": it must be written again");
    }

    @Override
    public void close() throws IOException {
        parser.close();
    }

    private long size(String what) throws IOException {
        if (parser.currentToken() != JsonToken.VALUE_NUMBER_INT) {
            throw unexpected("a size in " + what);
        }
        String digits = text();
        try {
            long size = Long.parseLong(digits);
            if (size >= 0) {
                return size;
            }
        } catch (NumberFormatException e) {
            throw refuse("has the size " + MatrixFileException.quote(digits) + ", more than 2^63 - 1, in " + what);
        }
        throw refuse("has the size " + digits + " in " + what);
    }

    private JsonToken next() throws IOException {
        try {
            return parser.nextToken();
        } catch (JsonProcessingException | CharacterCodingException e) {
            throw invalid(e);
        }
    }

    /** The current token's text, which the parser may decode only now; empty where there is none. */
    private String text() throws IOException {
        try {
            return Objects.requireNonNullElse(parser.getText(), "");
        } catch (JsonProcessingException | CharacterCodingException e) {
            throw invalid(e);
        }
    }

    private MatrixFileException unexpected(String wanted) throws IOException {
        String text = text();
        return refuse(
                "has " + (text == null ? "nothing" : MatrixFileException.quote(text)) + " in place of " + wanted + ",");
    }

    private MatrixFileException invalid(IOException cause) {
        String what = cause instanceof CharacterCodingException ? "UTF-8" : "JSON";
        return new MatrixFileException(
                file,
                "has a " + part + " that is not valid " + what + " near character " + offset()
                        + ": it must be written again",
                cause);
    }

    private long offset() {
        return parser.currentLocation().getCharOffset();
    }
}
