package org.tp4j.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.tp4j.tensor.SafetensorsBytes.entry;
import static org.tp4j.tensor.SafetensorsBytes.header;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class SafetensorsFileTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @EnumSource
    void everyFloatingPointDtypeAlignedOrNot(DType dtype) throws IOException {
        double[] values = {1, -2.5, 3, 0.15625, -65504, 0};
        ByteBuffer data = ByteBuffer.allocate(6 * dtype.bytes()).order(ByteOrder.LITTLE_ENDIAN);
        for (double value : values) {
            switch (dtype) {
                case F64 -> data.putDouble(value);
                case F32 -> data.putFloat((float) value);
                case F16 -> data.putShort(Float16.fromDouble(value));
                case BF16 -> data.putShort(BFloat16.fromDouble(value));
            }
        }
        for (int shift = 0; shift < 2; shift++) {
            String header = header(shift, entry("w", dtype.name(), "[2,3]", 0, data.capacity()));
            long before = Account.settled();
            try (Tensor tensor = read(SafetensorsBytes.file(header, data.array()), "w")) {
                assertEquals(dtype, tensor.matrix().dtype());
                for (int i = 0; i < 6; i++) {
                    assertEquals(dtype.round(values[i]), tensor.matrix().get(i / 3, i % 3));
                }
            }
            assertEquals(before, HostMemory.liveBytes());
        }
    }

    @Test
    void manyTensorsInAnyOrderWithMetadata() throws IOException {
        String header = header(
                0,
                "\"__metadata__\":{\"format\":\"pt\",\"a\":\"b\"}",
                entry("b", "F32", "[1,1,2]", 4, 12),
                entry("none", "F32", "[0,4]", 4, 4),
                entry("a", "F32", "[]", 0, 4),
                entry("i", "I8", "[3]", 12, 15),
                entry("packed", "F4_NEW", "[5]", 15, 18));
        byte[] data = new byte[18];
        System.arraycopy(NpyBytes.numbers("<f4", 7, 8, 9), 0, data, 0, 12);
        byte[] file = SafetensorsBytes.file(header, data);
        try (Tensor a = read(file, "a");
                Tensor b = read(file, "b");
                Tensor none = read(file, "none")) {
            assertArrayEquals(new double[][] {{7}}, a.matrix().toDoubles());
            assertEquals(List.of(), a.shape());
            assertArrayEquals(new double[][] {{8, 9}}, b.matrix().toDoubles());
            assertEquals(List.of(1L, 1L, 2L), b.shape());
            assertEquals("(0, 4)", none.matrix().shape());
        }
        Path path = folder.resolve("x.safetensors");
        assertEquals(List.of("b", "none", "a", "i", "packed"), SafetensorsFile.names(path));
        assertSentence(path, "i", path + " holds 'i' as 'I8': it must be F64, F32, F16 or BF16");
        assertSentence(path, "packed", path + " holds 'packed' as 'F4_NEW': it must be F64, F32, F16 or BF16");
    }

    @Test
    void aWrongNameIsAnsweredWithTheNearest() throws IOException {
        String[] entries = IntStream.range(0, 291)
                .mapToObj(i -> entry("model.layers." + i + ".mlp.up_proj.weight", "F32", "[0]", 0, 0))
                .toArray(String[]::new);
        Path path =
                Files.write(folder.resolve("x.safetensors"), SafetensorsBytes.file(header(0, entries), new byte[0]));
        assertSentence(
                path,
                "model.layers.17.mlp.upproj.weight",
                path + " has no tensor 'model.layers.17.mlp.upproj.weight' among its 291: the nearest names are"
                        + " 'model.layers.17.mlp.up_proj.weight', 'model.layers.1.mlp.up_proj.weight',"
                        + " 'model.layers.10.mlp.up_proj.weight'");
        Files.write(path, SafetensorsBytes.file("{}", new byte[0]));
        assertSentence(path, "w", path + " has no tensor 'w' among its 0");
        assertEquals(List.of(), SafetensorsFile.names(path));
    }

    @Test
    void aLongHeaderIsReadAsAStream() throws IOException {
        int count = 200_000;
        StringBuilder header = new StringBuilder("{");
        for (int i = 0; i < count; i++) {
            header.append(entry("tensor." + i, "F32", "[1]", 4L * i, 4L * i + 4))
                    .append(i == count - 1 ? "}" : ",");
        }
        byte[] data = new byte[4 * count];
        System.arraycopy(NpyBytes.numbers("<f4", 5), 0, data, 4 * 123_456, 4);
        try (Tensor tensor = read(SafetensorsBytes.file(header.toString(), data), "tensor.123456")) {
            assertEquals(5, tensor.matrix().get(0, 0));
        }
    }

    @Test
    void anIndexLeadsToTheFileThatHoldsTheTensor() throws IOException {
        byte[] shard = SafetensorsBytes.file(header(0, entry("w", "F32", "[1]", 0, 4)), NpyBytes.numbers("<f4", 3));
        Files.write(folder.resolve("model-00001-of-00002.safetensors"), shard);
        Files.write(Files.createDirectory(folder.resolve("sub")).resolve("part.safetensors"), shard);
        Path index = index("{\"metadata\":{\"total_size\":4,\"deep\":[[{}]]},\"weight_map\":{"
                + "\"w\":\"model-00001-of-00002.safetensors\",\"lost\":\"model-00001-of-00002.safetensors\","
                + "\"gone\":\"model-00002-of-00002.safetensors\",\"below\":\"sub/part.safetensors\","
                + "\"up\":\"../x.safetensors\",\"around\":\"sub/../../x.safetensors\",\"root\":\"/etc/passwd\","
                + "\"self\":\".\",\"nul\":\"a\\u0000b\"}}");
        try (Tensor tensor = SafetensorsFile.read(index, "w")) {
            assertArrayEquals(new double[][] {{3}}, tensor.matrix().toDoubles());
        }
        assertEquals(
                List.of("w", "lost", "gone", "below", "up", "around", "root", "self", "nul"),
                SafetensorsFile.names(index));
        assertSentence(
                index,
                "below",
                folder.resolve("sub/part.safetensors")
                        + " has no tensor 'below' among its 1: the nearest names are 'w'");
        assertSentence(
                index,
                "lost",
                folder.resolve("model-00001-of-00002.safetensors")
                        + " has no tensor 'lost' among its 1: the nearest names are 'w'");
        assertSentence(
                index, "gone", folder.resolve("model-00002-of-00002.safetensors") + " does not exist: check the path");
        assertSentence(index, "v", index + " has no tensor 'v' among its 9: the nearest names are 'w', 'up', 'nul'");
        assertOutside(index, "up", "'../x.safetensors'");
        assertOutside(index, "around", "'sub/../../x.safetensors'");
        assertOutside(index, "root", "'/etc/passwd'");
        assertOutside(index, "self", "'.'");
        assertOutside(index, "nul", "'a\\u0000b'");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "[]|has '[' in place of the index, an object, near character 1 of its text: it must be written again",
                "{}|has no 'weight_map': an index must say which file holds which tensor",
                "{\"weight_map\":3}|has '3' in place of 'weight_map', an object, near character 15 of its text: it must be"
                        + " written again",
                "{\"weight_map\":{\"w\":3}}|has '3' in place of the file of 'w', a string, near character 20 of its text: it"
                        + " must be written again",
                "{\"weight_map\":{\"w\":\"a\",\"w\":\"a\"}}|has 'w' twice near character 30 of its text: it must be written"
                        + " again",
                "{\"weight_map\":{},\"weight_map\":{}}|has 'weight_map' twice near character 31 of its text: it must be"
                        + " written again",
                "{\"weight_map\":{}|has a text that is not valid JSON near character 16: it must be written again",
                "{\"weight_map\":{}} {|has '{' in place of its end, near character 19 of its text: it must be written again",
                "{\"metadata\":[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]}|has a text that is not valid JSON near character 28:"
                        + " it must be written again",
            })
    void aBadIndexIsRefused(String textAndPredicate) throws IOException {
        int bar = textAndPredicate.indexOf('|');
        Path index = index(textAndPredicate.substring(0, bar));
        assertSentence(index, "w", index + " " + textAndPredicate.substring(bar + 1));
    }

    private void assertOutside(Path index, String tensor, String name) {
        assertSentence(index, tensor, index + " names the file " + name + ": it must be one in the index's own folder");
    }

    private static void assertSentence(Path path, String tensor, String sentence) {
        MatrixFileException refused = assertThrows(MatrixFileException.class, () -> SafetensorsFile.read(path, tensor));
        assertEquals(sentence, refused.getMessage());
        assertTrue(refused.getMessage().lines().count() == 1);
    }

    private Path index(String text) throws IOException {
        return Files.writeString(folder.resolve("model.safetensors.index.json"), text, StandardCharsets.UTF_8);
    }

    private Tensor read(byte[] file, String tensor) throws IOException {
        return SafetensorsFile.read(Files.write(folder.resolve("x.safetensors"), file), tensor);
    }
}
