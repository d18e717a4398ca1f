package org.tp4j.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.EOFException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MatrixFileTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource({
        "x.npy,x.npy,",
        "a:b/x.npy,a:b/x.npy,",
        "m.safetensors:w.weight,m.safetensors,w.weight",
        "d/m.safetensors:a:b,d/m.safetensors,a:b",
        "m.safetensors:x.npy,m.safetensors,x.npy",
        "m.index.json:a.safetensors,m.index.json,a.safetensors",
        "m.safetensors:,m.safetensors,''",
        "model.safetensors.index.json:w,model.safetensors.index.json,w",
        "m.safetensors,m.safetensors,",
    })
    void theThreeForms(String text, String path, String tensor) throws IOException {
        MatrixFile file = MatrixFile.parse(text);
        assertEquals(new MatrixFile(Path.of(path), Optional.ofNullable(tensor)), file);
        assertEquals(text, file.toString());
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "x", "x.npz", "x.npy:w", "x.pt", "safetensors", ":w"})
    void anyOtherFormIsRefused(String text) {
        assertEquals(
                "'" + text
                        + "' is not a matrix file: it must be FILE.npy, FILE.safetensors:TENSOR or FILE.index.json:TENSOR",
                assertThrows(MatrixFileException.class, () -> MatrixFile.parse(text))
                        .getMessage());
    }

    @Test
    void whatIsNotAPathIsRefused() {
        assertEquals(
                "'a\\u0000.npy' is not a path: check it",
                assertThrows(MatrixFileException.class, () -> MatrixFile.parse("a\0.npy"))
                        .getMessage());
    }

    @Test
    void eachFormIsRead() throws IOException {
        byte[] npy = NpyBytes.file("<f4", false, "(1, 2)", NpyBytes.numbers("<f4", 1, 2));
        byte[] checkpoint = SafetensorsBytes.file(
                SafetensorsBytes.header(0, SafetensorsBytes.entry("w", "F32", "[1,2]", 0, 8)),
                NpyBytes.numbers("<f4", 3, 4));
        Path x = Files.write(folder.resolve("x.npy"), npy);
        Path m = Files.write(folder.resolve("m.safetensors"), checkpoint);
        Path index = Files.writeString(
                folder.resolve("m.safetensors.index.json"), "{\"weight_map\":{\"w\":\"m.safetensors\"}}");
        try (Tensor a = MatrixFile.open(x.toString());
                Tensor b = MatrixFile.open(m + ":w");
                Tensor c = MatrixFile.open(index + ":w")) {
            assertArrayEquals(new double[][] {{1, 2}}, a.matrix().toDoubles());
            assertArrayEquals(new double[][] {{3, 4}}, b.matrix().toDoubles());
            assertArrayEquals(new double[][] {{3, 4}}, c.matrix().toDoubles());
        }
    }

    @Test
    void aCheckpointWithoutATensorNameIsAnsweredWithItsTensors() throws IOException {
        String entries = "";
        for (String name : new String[] {"a", "b", "c\\n", "d"}) {
            entries += (entries.isEmpty() ? "" : ",") + SafetensorsBytes.entry(name, "F32", "[0]", 0, 0);
        }
        Path file = folder.resolve("m.safetensors");
        Files.write(file, SafetensorsBytes.file("{" + entries + "}", new byte[0]));
        assertSentence(
                file + " has 4 tensors, the first 'a', 'b', 'c\\u000a': name one as " + file + ":TENSOR",
                file.toString());
        Files.write(file, SafetensorsBytes.file("{}", new byte[0]));
        assertSentence(file + " has 0 tensors: name one as " + file + ":TENSOR", file.toString());
    }

    @Test
    void theSystemsRefusalsAreSentences() {
        Path file = Path.of("x.npy");
        assertEquals(
                "x.npy may not be read by this user: give it read permission",
                MatrixFileException.reading(file, new AccessDeniedException("x.npy"))
                        .getMessage());
        assertEquals(
                "x.npy may not be written by this user: choose a folder with write permission, or give that permission",
                MatrixFileException.writing(file, new AccessDeniedException("x.npy"))
                        .getMessage());
        assertEquals(
                "x.npy cannot be read (Input/output error): it must be a file that can be read",
                MatrixFileException.reading(file, new IOException("Input/output error"))
                        .getMessage());
        assertEquals(
                "x.npy cannot be written (Read-only file system): choose a place that can be written and has enough space",
                MatrixFileException.writing(file, new FileSystemException("x.npy", null, "Read-only file system"))
                        .getMessage());
        assertEquals(
                "x.npy cannot be read (EOFException): it must be a file that can be read",
                MatrixFileException.reading(file, new EOFException()).getMessage());
    }

    private static void assertSentence(String sentence, String text) {
        assertEquals(
                sentence,
                assertThrows(MatrixFileException.class, () -> MatrixFile.open(text))
                        .getMessage());
    }
}
