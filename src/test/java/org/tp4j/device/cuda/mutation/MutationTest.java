package org.tp4j.device.cuda.mutation;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * No record, wait or host's wait of the program, and no barrier, shuffle or vote of its kernels, can be left out without
 * somebody noticing.
 */
@Tag("emulated")
class MutationTest {
    @Test
    void oneMutantOfEachWayToASiteIsFound() throws Exception {
        mutate("sample");
    }

    @Test
    @Tag("slow")
    void everyMutantIsFound() throws Exception {
        mutate("all");
    }

    /** In a process of its own, which mutants may damage; what the emulator says of them is kept beside the table. */
    private static void mutate(String which) throws IOException, InterruptedException {
        Path table = Path.of("target", "mutation-" + which + ".txt");
        ProcessBuilder builder = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx1g",
                        "--enable-native-access=ALL-UNNAMED",
                        "-Dtp4j.cuda.driver=" + System.getProperty("tp4j.cuda.driver"),
                        "-Dtp4j.cublas=" + System.getProperty("tp4j.cublas"),
                        "-cp",
                        System.getProperty("java.class.path"),
                        Mutations.class.getName(),
                        which)
                .redirectOutput(table.toFile())
                .redirectError(
                        Path.of("target", "mutation-" + which + "-reports.txt").toFile());
        builder.environment().put("TP4J_EMULATOR_DEVICES", "3");
        int status = builder.start().waitFor();
        String printed = Files.readString(table);
        System.out.println(printed);
        assertEquals(0, status, printed);
    }
}
