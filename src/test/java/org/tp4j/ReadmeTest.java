package org.tp4j;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.tp4j.tensor.HostMatrix;

/** What the README says of Java is true. */
class ReadmeTest {
    @TempDir
    private Path folder;

    @Test
    void theExampleCompilesAndRuns() throws Exception {
        String example = example();
        assertTrue(example.lines().filter(line -> !line.isBlank()).count() <= 15, "the example has 15 lines");
        Path source = Files.writeString(folder.resolve("Example.java"), example);
        int compiled = ToolProvider.getSystemJavaCompiler()
                .run(
                        null,
                        null,
                        null,
                        "-proc:none",
                        "-Xlint:all,-path",
                        "-Werror",
                        "-cp",
                        System.getProperty("java.class.path"),
                        "-d",
                        folder.toString(),
                        source.toString());
        assertEquals(0, compiled);

        try (URLClassLoader loader =
                        new URLClassLoader(new URL[] {folder.toUri().toURL()});
                HostMatrix x = HostMatrix.of(new float[][] {{1, -2, 3}, {4, 5, -6}});
                HostMatrix w1 = HostMatrix.of(new float[][] {{1, -1, 2, 0}, {3, 1, -2, 1}, {0, 2, 1, -1}});
                HostMatrix w2 = HostMatrix.of(new float[][] {{1, 2}, {-3, 1}, {2, 0}, {5, -7}})) {
            Method mlp =
                    loader.loadClass("Example").getMethod("mlp", HostMatrix.class, HostMatrix.class, HostMatrix.class);
            try (HostMatrix y = (HostMatrix) mlp.invoke(null, x, w1, w2)) {
                assertArrayEquals(new float[][] {{9, 3}, {74, -39}}, y.toFloats());
            }
        }
    }

    private static String example() throws Exception {
        Matcher block =
                Pattern.compile("```java\\n(.*?)```", Pattern.DOTALL).matcher(Files.readString(Path.of("README.md")));
        assertTrue(block.find(), "README.md has a Java example");
        return block.group(1);
    }
}
