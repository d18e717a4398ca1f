package org.tp4j.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What is wrong with an {@code .npy} file is said in one sentence, before memory is taken for it. */
class NpyMalformedTest {
    private static final String LOOKS_LIKE =
            ": it must look like {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }";
    private static final String SAVE_AS_FLOAT =
            ": save it as float16, float32 or float64, e.g. with a.astype('float32')";

    @TempDir
    Path folder;

    static Stream<Arguments> files() {
        byte[] eight = new byte[8];
        byte[] good = NpyBytes.file("<f4", false, "(2,)", eight);
        return Stream.of(
                bad(new byte[0], "is empty (0 bytes): it must hold a header and data"),
                bad(head(good, 3), "has 3 bytes, fewer than the 8 of its magic number: it is cut off, save it again"),
                bad(head(good, 9), "has 9 bytes, fewer than the 10 before the header: it is cut off, save it again"),
                bad(
                        "PK\u0003\u0004zipped".getBytes(StandardCharsets.US_ASCII),
                        "does not start as an .npy file (50 4b 03 04 7a 69 instead of 93 4e 55 4d 50 59): save it with"
                                + " numpy.save"),
                bad(version(good, 4, 0), "has npy version 4.0: it must be 1.0, 2.0 or 3.0"),
                bad(version(good, 1, 1), "has npy version 1.1: it must be 1.0, 2.0 or 3.0"),
                bad(version(good, 255, 255), "has npy version 255.255: it must be 1.0, 2.0 or 3.0"),
                bad(
                        head(good, 60),
                        "says that its header has 118 bytes, but only 50 follow: it is cut off, save it again"),
                bad(
                        head(good, 135),
                        "says that it holds (2,) elements of '<f4', which are 8 bytes, but 7 bytes of data follow its"
                                + " header: it is cut off, save it again"),
                bad(
                        NpyBytes.file("<f4", false, "(2,)", new byte[9]),
                        "says that it holds (2,) elements of '<f4', which are 8 bytes, but 9 bytes of data follow its"
                                + " header: it is too long, save it again"),
                bad(
                        NpyBytes.file("<f8", false, "(1000000000, 1000)", eight),
                        "says that it holds (1000000000, 1000) elements of '<f8', which are 8000000000000 bytes, but 8"
                                + " bytes of data follow its header: it is cut off, save it again"),
                bad(
                        NpyBytes.file("<f4", false, "(4294967296, 4294967296)", eight),
                        "says that it holds (4294967296, 4294967296) elements of '<f4', more than 2^63 bytes: its header"
                                + " must tell its size"),
                bad(
                        NpyBytes.file("<f4", false, "(4294967296, 4294967296, 0)", new byte[0]),
                        "says that it holds (4294967296, 4294967296, 0) elements of '<f4', more than 2^63 bytes: its"
                                + " header must tell its size"),
                bad(
                        NpyBytes.file("<f4", false, "(0, 268435457)", new byte[0]),
                        "has rows of 268435457 elements, more than the 268435456 that a f32 matrix can have: make them"
                                + " shorter"),
                bad(longHeader(), "says that its header has 4294967295 bytes: at most 65536 are right for a matrix"),
                header("", "has a header with its end at character 0 where '{' should be"),
                header("{'descr': '<f4', ", "has a header with its end at character 17 where a string should be"),
                header("{'descr': '<f4', 'shape': (2,)}", "has a header without 'fortran_order'"),
                header("{}", "has a header without 'descr'"),
                header("{'descr': '<f4', 'descr': '<f4'}", "has a header with 'descr' twice"),
                header(good("(2,)").replace(", }", ", 'extra': True}"), "has a header with the unknown key 'extra'"),
                header(good("(-2,)"), "has the size '-2' in its shape"),
                header(good("(02,)"), "has the size '02' in its shape"),
                header(good("(2.0,)"), "has a header with '.' at character 52 where ',' or ')' should be"),
                header(good("(True,)"), "has a header with 'T' at character 51 where a size should be"),
                header(good("((2,),)"), "has a header with '(' at character 51 where a size should be"),
                header(
                        good("(2)"),
                        "has a header with ')' at character 52 where ',' (a tuple of one is written (n,)) should be"),
                header(good("[2]"), "has a header with '[' at character 50 where '(' should be"),
                header(good("(2,,)"), "has a header with ',' at character 53 where a size should be"),
                header(
                        good("(99999999999999999999,)"),
                        "has the size '99999999999999999999', more than 2^63 - 1, in its shape"),
                header(good("(" + "1, ".repeat(65) + ")"), "has 65 dimensions, more than NumPy's limit of 64"),
                header(
                        good("(2,)").replace("False", "0"),
                        "has a header with '0' at character 34 where True or False should be"),
                header(
                        good("(2,)").replace("False", "__import__('os')"),
                        "has a header with '_' at character 34 where True or False should be"),
                header(
                        "{'descr': '<f4' + '', 'fortran_order': False, 'shape': (2,)}",
                        "has a header with '+' at character 16 where ',' should be"),
                header(
                        "{'descr': '\\x3cf4', 'fortran_order': False, 'shape': (2,)}",
                        "has a header with '\\' at character 11 where a plain character should be"),
                header(
                        good("(2,)") + "\n#",
                        "has a header with '\\u000a' at character 57 where a newline at the end of the header should be"),
                bad(
                        NpyBytes.raw(1, good("(2,)").getBytes(StandardCharsets.US_ASCII), eight),
                        "has a header with its end at character 57 where a newline at the end of the header should be"
                                + LOOKS_LIKE),
                bad(NpyBytes.file(2, "{'descr': '\u00e9'}", eight), "has a header that is not US-ASCII: save it again"),
                bad(
                        NpyBytes.raw(3, new byte[] {'{', (byte) 0xff, '\n'}, eight),
                        "has a header that is not UTF-8: save it again"),
                dtype("<c8", "complex"),
                dtype("|O", "Python objects"),
                dtype("<U5", "text"),
                dtype("|S5", "text"),
                dtype("|V2", "raw bytes (NumPy stores bfloat16 so)"),
                dtype("<M8[ns]", "a time"),
                dtype("<f16", "a floating-point format of no known size"),
                dtype("f4", "unknown"),
                dtype("<i16", "unknown"),
                dtype("", "unknown"),
                bad(
                        NpyBytes.file(1, "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}", eight),
                        "has a structured dtype, which is not one number for each element" + SAVE_AS_FLOAT),
                bad(
                        NpyBytes.file("<i8", false, "(2, 2)", NpyBytes.longs(1, 2, (1L << 53) + 1, Long.MAX_VALUE)),
                        "holds the integer 9007199254740993 in row 1, column 0 of its (2, 2) elements of '<i8': no f64 has"
                                + " that value: save floating point"),
                bad(
                        NpyBytes.file(">u8", true, "(1, 1)", NpyBytes.longs(-1)),
                        "holds the integer 18446744073709551615 in row 0, column 0 of its (1, 1) elements of '>u8': no f64"
                                + " has that value: save floating point"),
                bad(
                        NpyBytes.file("|b1", false, "(2,)", new byte[] {1, 2}),
                        "holds the byte 2 in row 0, column 1 of its (2,) elements of '|b1': a bool is 0 or 1"));
    }

    @ParameterizedTest
    @MethodSource("files")
    void isRefusedInOneSentence(byte[] file, String predicate) throws IOException {
        long before = HostMemory.liveBytes();
        Path path = Files.write(folder.resolve("x.npy"), file);
        MatrixFileException refused = assertThrows(MatrixFileException.class, () -> NpyFile.read(path));
        assertEquals(path + " " + predicate, refused.getMessage());
        assertTrue(HostMemory.liveBytes() <= before);
    }

    @Test
    void everyProperBeginningOfAFileIsRefused() throws IOException {
        byte[] good = NpyBytes.file("<f4", false, "(2,)", new byte[8]);
        Path path = folder.resolve("x.npy");
        for (int length = 0; length < good.length; length++) {
            Files.write(path, head(good, length));
            assertThrows(MatrixFileException.class, () -> NpyFile.read(path));
        }
    }

    @Test
    void whatIsNotAFileIsRefused() {
        assertSentence(folder.resolve("none.npy"), " does not exist: check the path");
        assertSentence(folder, " is a folder: name a file in it");
        assertSentence(Path.of("/dev/null"), " is a pipe or a device: it must be a regular file");
    }

    private static void assertSentence(Path path, String predicate) {
        assertEquals(
                path + predicate,
                assertThrows(MatrixFileException.class, () -> NpyFile.read(path))
                        .getMessage());
    }

    private static Arguments bad(byte[] file, String predicate) {
        return Arguments.of(file, predicate);
    }

    private static Arguments header(String dictionary, String predicate) {
        byte[] line = (dictionary + "\n").getBytes(StandardCharsets.US_ASCII);
        byte[] header = dictionary.isEmpty() ? new byte[0] : line;
        return bad(NpyBytes.raw(1, header, new byte[8]), predicate + LOOKS_LIKE);
    }

    private static Arguments dtype(String descr, String family) {
        return bad(
                NpyBytes.file(descr, false, "(2,)", new byte[8]),
                "has dtype '" + descr + "', which is " + family + SAVE_AS_FLOAT);
    }

    private static String good(String shape) {
        return NpyBytes.dictionary("<f4", false, shape);
    }

    private static byte[] head(byte[] file, int length) {
        return Arrays.copyOf(file, length);
    }

    private static byte[] version(byte[] file, int major, int minor) {
        byte[] changed = file.clone();
        changed[6] = (byte) major;
        changed[7] = (byte) minor;
        return changed;
    }

    private static byte[] longHeader() {
        byte[] file = NpyBytes.file(2, good("(2,)"), new byte[8]);
        Arrays.fill(file, 8, 12, (byte) 0xff);
        return file;
    }
}
