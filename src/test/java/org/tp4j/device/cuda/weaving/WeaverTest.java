package org.tp4j.device.cuda.weaving;

import static java.util.Objects.requireNonNull;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;

/** The weaver knows every means by which the program orders its threads, and says if there is one more or one less. */
@Tag("emulated")
class WeaverTest {
    private static final Path CLASSES = Path.of("target", "classes");

    @TempDir
    private Path program;

    @TempDir
    private Path woven;

    @BeforeEach
    void copyTheProgram() throws IOException {
        for (String name : List.of("comm", "device", "device/cuda")) {
            Path folder = Path.of("org", "tp4j").resolve(name);
            Files.createDirectories(program.resolve(folder));
            try (Stream<Path> files = Files.list(CLASSES.resolve(folder))) {
                for (Path file : files.filter(Files::isRegularFile).toList()) {
                    Files.copy(file, program.resolve(CLASSES.relativize(file)));
                }
            }
        }
    }

    @Test
    void theProgramIsWovenAsItWasForTheseTests() throws IOException {
        weave();
        try (Stream<Path> files = Files.walk(woven)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                String name = woven.relativize(file).toString();
                URL loaded = requireNonNull(getClass().getClassLoader().getResource(name), name);
                try (InputStream bytes = loaded.openStream()) {
                    assertArrayEquals(bytes.readAllBytes(), Files.readAllBytes(file), name);
                }
            }
        }
    }

    @Test
    void aMeansThatIsNotWovenIsRefused() throws IOException {
        Files.write(
                program.resolve("org/tp4j/comm/Latched.class"),
                callerOf("java/util/concurrent/CountDownLatch", "countDown"));
        refuses("ordered by [java/util/concurrent/CountDownLatch#countDown]: ");
    }

    @Test
    void aMonitorThatNobodyKnowsIsRefused() throws IOException {
        Files.write(program.resolve("org/tp4j/device/Guarded.class"), guarded());
        refuses("ordered by [org/tp4j/device/Guarded#guarded]: ");
    }

    @Test
    void aMeansThatNobodyUsesIsRefused() throws IOException {
        Files.delete(program.resolve("org/tp4j/comm/Meeting.class"));
        refuses("java/util/concurrent/atomic/AtomicLongArray#setRelease(IJ)V");
    }

    private void weave() throws IOException {
        Weaver.main(new String[] {program.toString(), woven.toString()});
    }

    private void refuses(String part) {
        String message = assertThrows(IllegalStateException.class, this::weave).getMessage();
        assertTrue(message.contains(part), message);
    }

    private static byte[] callerOf(String owner, String name) {
        return typeWith(Opcodes.ACC_STATIC, "calls", "(L" + owner + ";)V", code -> {
            code.visitVarInsn(Opcodes.ALOAD, 0);
            code.visitMethodInsn(Opcodes.INVOKEVIRTUAL, owner, name, "()V", false);
        });
    }

    private static byte[] guarded() {
        return typeWith(Opcodes.ACC_STATIC | Opcodes.ACC_SYNCHRONIZED, "guarded", "()V", code -> {});
    }

    private interface Body {
        void writeTo(MethodVisitor code);
    }

    private static byte[] typeWith(int access, String method, String descriptor, Body body) {
        ClassWriter writer = new ClassWriter(ClassWriter.COMPUTE_MAXS);
        writer.visit(Opcodes.V17, Opcodes.ACC_PUBLIC, "org/tp4j/device/Guarded", null, "java/lang/Object", null);
        MethodVisitor code = writer.visitMethod(access, method, descriptor, null, null);
        code.visitCode();
        body.writeTo(code);
        code.visitInsn(Opcodes.RETURN);
        code.visitMaxs(0, 0);
        code.visitEnd();
        writer.visitEnd();
        return writer.toByteArray();
    }
}
