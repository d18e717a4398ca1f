package org.tp4j.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.tp4j.tensor.SafetensorsBytes.entry;

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

/** What is wrong with a {@code .safetensors} file is said in one sentence, before memory is taken for it. */
class SafetensorsMalformedTest {
    private static final String AGAIN = " of its header: it must be written again";

    @TempDir
    Path folder;

    static Stream<Arguments> files() {
        return Stream.of(
                bad(new byte[0], "is empty (0 bytes): it must hold a header and data"),
                bad(new byte[7], "has 7 bytes, fewer than the 8 of its header's length: it is cut off"),
                bad(new byte[8], "has a header that does not start with '{': it must be a .safetensors file"),
                bad(
                        SafetensorsBytes.raw(-1, new byte[0], new byte[0]),
                        "says that its header has 18446744073709551615 bytes: it must be a .safetensors file with at most"
                                + " 100000000"),
                bad(
                        SafetensorsBytes.raw(100_000_001, new byte[2], new byte[0]),
                        "says that its header has 100000001 bytes: it must be a .safetensors file with at most 100000000"),
                bad(
                        SafetensorsBytes.raw(100_000_000, new byte[2], new byte[0]),
                        "says that its header has 100000000 bytes, but only 2 follow: it is cut off"),
                header(" {}", "has a header that does not start with '{': it must be a .safetensors file"),
                header("\ufeff{}", "has a header that does not start with '{': it must be a .safetensors file"),
                header("{", "has a header that is not valid JSON near character 1: it must be written again"),
                header("{]", "has a header that is not valid JSON near character 2: it must be written again"),
                header("{'w':1}", "has a header that is not valid JSON near character 2: it must be written again"),
                header("{}x", "has a header that is not valid JSON near character 3: it must be written again"),
                header("{}{}", "has '{' in place of its end, near character 3" + AGAIN),
                bad(
                        SafetensorsBytes.raw(4, new byte[] {'{', '"', (byte) 0xff, '"'}, new byte[0]),
                        "has a header that is not valid UTF-8 near character 0: it must be written again"),
                header(
                        "{\"w\":{\"dtype\":\"F\u0000\"}}",
                        "has a header that is not valid JSON near character 17: it must be written again"),
                header("{\"w\":3}", "has '3' in place of tensor 'w', an object, near character 6" + AGAIN),
                header("{\"w\":{}}", "has no dtype, no shape or not two data_offsets for 'w' near character 7" + AGAIN),
                header(
                        "{\"w\":{\"dtype\":4}}",
                        "has '4' in place of the dtype of 'w', a string, near character 15" + AGAIN),
                header(
                        "{\"w\":{\"shape\":4}}",
                        "has '4' in place of the shape of 'w', an array of sizes, near character 15" + AGAIN),
                header(
                        "{\"w\":{\"shape\":[1,[2]]}}",
                        "has '[' in place of a size in the shape of 'w', near character 18" + AGAIN),
                header(
                        "{\"w\":{\"shape\":[1.5]}}",
                        "has '1.5' in place of a size in the shape of 'w', near character 18" + AGAIN),
                header("{\"w\":{\"shape\":[-1]}}", "has the size -1 in the shape of 'w' near character 17" + AGAIN),
                header(
                        "{\"w\":{\"shape\":[9223372036854775808]}}",
                        "has the size '9223372036854775808', more than 2^63 - 1, in the shape of 'w' near character 34"
                                + AGAIN),
                header(
                        "{\"w\":{\"shape\":[" + "1,".repeat(64) + "1]}}",
                        "has more than 64 numbers in the shape of 'w' near character 144" + AGAIN),
                header("{\"w\":{\"more\":4}}", "has the unknown key 'more' in 'w' near character 14" + AGAIN),
                header("{\"w\":{\"shape\":[],\"shape\":[]}}", "has 'shape' twice in 'w' near character 27" + AGAIN),
                header(
                        "{\"w\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}",
                        "has 'dtype' twice in 'w' near character 33" + AGAIN),
                header(
                        "{\"__metadata__\":{\"a\":\"b\",\"a\":\"b\"}}",
                        "has 'a' twice in __metadata__ near character 30" + AGAIN),
                header(
                        "{\"__metadata__\":{\"a\":{}}}",
                        "has '{' in place of a value of __metadata__, a string, near character 22" + AGAIN),
                header(
                        "{\"__metadata__\":{},\"__metadata__\":{}}",
                        "has '__metadata__' twice near character 36" + AGAIN),
                header(
                        "{" + entry("w", "F32", "[0]", 0, 0) + "," + entry("w", "F32", "[0]", 0, 0) + "}",
                        "has 'w' twice near character 106" + AGAIN),
                tensors(
                        "says that 'w' lies at bytes 4 to 0: the end must not lie before the beginning",
                        8,
                        entry("w", "F32", "[1]", 4, 0)),
                tensors(
                        "says that 'w' lies at bytes 0 to 12, but has only 8 bytes of data: it is cut off, or lies",
                        8,
                        entry("w", "F32", "[3]", 0, 12)),
                tensors(
                        "says that 'w' lies at bytes 0 to 9223372036854775807, but has only 8 bytes of data: it is cut"
                                + " off, or lies",
                        8,
                        entry("w", "F32", "[3]", 0, Long.MAX_VALUE)),
                tensors(
                        "says that 'w' lies at bytes 0 to 8, which are 8 bytes, but (3,) elements of F32 have 12: shape"
                                + " and offsets must agree",
                        8,
                        entry("w", "F32", "[3]", 0, 8)),
                tensors(
                        "says that 'w' holds (4294967296, 4294967296) elements of F32, more than 2^63 bytes: its header"
                                + " must tell its size",
                        8,
                        entry("w", "F32", "[4294967296,4294967296]", 0, 8)),
                tensors(
                        "says that 'w' holds (4294967296, 4294967296, 0) elements of F32, more than 2^63 bytes: its"
                                + " header must tell its size",
                        0,
                        entry("w", "F32", "[4294967296,4294967296,0]", 0, 0)),
                tensors(
                        "says that 'w' lies at bytes 4 to 12, but the one before it ends at 8: tensors must not overlap",
                        12,
                        entry("v", "F32", "[2]", 0, 8),
                        entry("w", "F32", "[2]", 4, 12)),
                tensors(
                        "says that 'w' lies at bytes 8 to 12, but the one before it ends at 4: tensors must not leave a"
                                + " hole",
                        12,
                        entry("w", "F32", "[1]", 8, 12),
                        entry("v", "F32", "[1]", 0, 4)),
                tensors(
                        "has 12 bytes of data, but its tensors end at 8: it is too long, write it again",
                        12,
                        entry("w", "F32", "[2]", 0, 8)),
                tensors(
                        "has rows of 536870913 elements, more than the 536870912 that a bf16 matrix can have: make them"
                                + " shorter",
                        0,
                        entry("w", "BF16", "[0,536870913]", 0, 0)));
    }

    @ParameterizedTest
    @MethodSource("files")
    void isRefusedInOneSentence(byte[] file, String predicate) throws IOException {
        long before = HostMemory.liveBytes();
        Path path = Files.write(folder.resolve("x.safetensors"), file);
        MatrixFileException refused = assertThrows(MatrixFileException.class, () -> SafetensorsFile.read(path, "w"));
        assertEquals(path + " " + predicate, refused.getMessage());
        assertTrue(HostMemory.liveBytes() <= before);
    }

    @Test
    void everyProperBeginningOfAFileIsRefused() throws IOException {
        byte[] good = SafetensorsBytes.file(SafetensorsBytes.header(0, entry("w", "F32", "[2]", 0, 8)), new byte[8]);
        Path path = folder.resolve("x.safetensors");
        for (int length = 0; length < good.length; length++) {
            Files.write(path, Arrays.copyOf(good, length));
            assertThrows(MatrixFileException.class, () -> SafetensorsFile.read(path, "w"));
        }
    }

    private static Arguments bad(byte[] file, String predicate) {
        return Arguments.of(file, predicate);
    }

    private static Arguments header(String header, String predicate) {
        return bad(
                SafetensorsBytes.raw(
                        header.getBytes(StandardCharsets.UTF_8).length,
                        header.getBytes(StandardCharsets.UTF_8),
                        new byte[0]),
                predicate);
    }

    private static Arguments tensors(String predicate, int dataBytes, String... entries) {
        return bad(SafetensorsBytes.file(SafetensorsBytes.header(0, entries), new byte[dataBytes]), predicate);
    }
}
