package org.tp4j.device.cuda.weaving;

import java.io.IOException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.FieldVisitor;
import org.objectweb.asm.Handle;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/**
 * Weaves {@link HostEdges} into the class files of the program's ranks, streams and memory, so that the emulated driver
 * knows in which order the program's threads come. It works on files, when the tests are built: no test needs an agent.
 */
public final class Weaver {
    /** Where threads order what they do with devices, that of the processor excepted. */
    private static final List<String> PACKAGES = List.of("org/tp4j/comm", "org/tp4j/device", "org/tp4j/device/cuda");

    private static final String EDGES = Type.getInternalName(HostEdges.class);

    /**
     * What orders nothing, or is not relied on for what devices do: memory and handles that are made once, counters,
     * messages. What is left out of the weaving by mistake shows, as a race that is none.
     */
    private static final Set<String> UNHEARD = Set.of(
            "java/util/concurrent/TimeUnit#toNanos",
            "java/util/concurrent/locks/LockSupport#parkNanos",
            "java/util/concurrent/CompletableFuture#completedFuture",
            "java/util/concurrent/ExecutionException#getCause",
            "java/util/concurrent/BlockingQueue#isEmpty",
            "java/util/concurrent/ConcurrentHashMap#computeIfAbsent",
            "java/util/concurrent/ConcurrentHashMap#newKeySet",
            "java/util/concurrent/ConcurrentLinkedQueue#add",
            "java/util/concurrent/atomic/AtomicLong#get",
            "java/util/concurrent/atomic/AtomicLong#getPlain",
            "java/util/concurrent/atomic/AtomicLong#setRelease",
            "java/util/concurrent/atomic/AtomicReferenceArray#set",
            "java/util/concurrent/atomic/AtomicReferenceArray#getPlain",
            "java/lang/Thread#join",
            "org/tp4j/device/Backends#probes",
            "org/tp4j/device/cuda/CudaContext#retain",
            "org/tp4j/device/cuda/PeerAccess#among",
            "org/tp4j/device/cuda/PeerAccess#connect",
            "org/tp4j/device/cuda/PeerAccess#examine");

    private final Map<String, Method> substitutes = new HashMap<>();
    private final Map<String, Integer> volatiles = new HashMap<>();
    private final Set<String> found = new HashSet<>();
    private final Set<String> unknown = new TreeSet<>();

    private Weaver() {
        Arrays.stream(HostEdges.class.getDeclaredMethods())
                .filter(method -> Modifier.isPublic(method.getModifiers()))
                .filter(method -> !method.getName().equals("beforeWrite")
                        && !method.getName().equals("afterRead"))
                .forEach(method -> substitutes.put(replaced(method), method));
    }

    /**
     * Weaves what is woven of a folder of class files into another one.
     *
     * @param arguments the two folders
     * @throws IllegalStateException if the classes order their threads by what is neither woven nor known to be no order,
     *     or no longer by something that is
     */
    public static void main(String[] arguments) throws IOException {
        Weaver weaver = new Weaver();
        Path from = Path.of(arguments[0]);
        Path to = Path.of(arguments[1]);
        List<Path> files = classFiles(from);
        for (Path file : files) {
            new ClassReader(Files.readAllBytes(file)).accept(weaver.fields(), ClassReader.SKIP_CODE);
        }
        for (Path file : files) {
            Path woven = to.resolve(from.relativize(file));
            Files.createDirectories(woven.getParent());
            Files.write(woven, weaver.weave(Files.readAllBytes(file)));
        }
        weaver.check();
    }

    private static List<Path> classFiles(Path root) throws IOException {
        List<Path> files = new ArrayList<>();
        for (String name : PACKAGES) {
            try (DirectoryStream<Path> folder = Files.newDirectoryStream(root.resolve(name), "*.class")) {
                folder.forEach(files::add);
            }
        }
        Collections.sort(files);
        return files;
    }

    /** The method that a substitute stands for, as {@link #key} names it. */
    private static String replaced(Method substitute) {
        Class<?>[] parameters = substitute.getParameterTypes();
        HostEdges.StaticOf other = substitute.getAnnotation(HostEdges.StaticOf.class);
        Class<?> owner = other == null ? parameters[0] : other.value();
        Class<?>[] own = other == null ? Arrays.copyOfRange(parameters, 1, parameters.length) : parameters;
        try {
            Method method = owner.getMethod(substitute.getName(), own);
            return key(Type.getInternalName(owner), method.getName(), Type.getMethodDescriptor(method));
        } catch (NoSuchMethodException e) {
            throw new IllegalStateException(substitute + " stands for nothing", e);
        }
    }

    private static String key(String owner, String name, String descriptor) {
        return owner + "#" + name + descriptor;
    }

    private byte[] weave(byte[] classFile) {
        ClassReader reader = new ClassReader(classFile);
        ClassWriter writer = new ClassWriter(reader, ClassWriter.COMPUTE_MAXS);
        reader.accept(new Classes(writer), 0);
        return writer.toByteArray();
    }

    private void check() {
        Set<String> idle = new TreeSet<>(substitutes.keySet());
        idle.removeAll(found);
        Set<String> unheard = new TreeSet<>(UNHEARD);
        unheard.removeAll(found);
        idle.addAll(unheard);
        if (!unknown.isEmpty() || !idle.isEmpty()) {
            throw new IllegalStateException("threads are ordered by " + unknown
                    + ": give HostEdges a substitute, or say in Weaver.UNHEARD that no device's work relies on it;"
                    + " and no longer by " + idle + ": remove those");
        }
    }

    /** Collects the volatile fields. */
    private ClassVisitor fields() {
        return new ClassVisitor(Opcodes.ASM9) {
            private String owner;

            @Override
            public void visit(
                    int version, int access, String name, String signature, String base, String[] interfaces) {
                owner = name;
            }

            @Override
            public FieldVisitor visitField(int access, String name, String descriptor, String signature, Object value) {
                if ((access & Opcodes.ACC_VOLATILE) != 0) {
                    if ((access & Opcodes.ACC_STATIC) != 0
                            || Type.getType(descriptor).getSize() != 1) {
                        throw new IllegalStateException(
                                "not woven: volatile fields that are static or of 64 bits, as " + owner + "." + name);
                    }
                    volatiles.put(key(owner, name, descriptor), volatiles.size());
                }
                return null;
            }
        };
    }

    private final class Classes extends ClassVisitor {
        private String type;

        Classes(ClassVisitor next) {
            super(Opcodes.ASM9, next);
        }

        @Override
        public void visit(int version, int access, String name, String signature, String base, String[] interfaces) {
            type = name;
            super.visit(version, access, name, signature, base, interfaces);
        }

        @Override
        public MethodVisitor visitMethod(
                int access, String name, String descriptor, String signature, String[] exceptions) {
            String method = type + "#" + name;
            if ((access & Opcodes.ACC_SYNCHRONIZED) != 0) {
                note(method);
            }
            return new Calls(super.visitMethod(access, name, descriptor, signature, exceptions), method);
        }
    }

    private final class Calls extends MethodVisitor {
        private final String method;

        Calls(MethodVisitor next, String method) {
            super(Opcodes.ASM9, next);
            this.method = method;
        }

        @Override
        public void visitMethodInsn(int opcode, String owner, String name, String descriptor, boolean isInterface) {
            Method substitute = substitute(owner, name, descriptor);
            if (substitute == null) {
                super.visitMethodInsn(opcode, owner, name, descriptor, isInterface);
            } else {
                super.visitMethodInsn(Opcodes.INVOKESTATIC, EDGES, name, Type.getMethodDescriptor(substitute), false);
            }
        }

        @Override
        public void visitInvokeDynamicInsn(String name, String descriptor, Handle bootstrap, Object... arguments) {
            Object[] woven = Arrays.stream(arguments)
                    .map(argument -> argument instanceof Handle handle ? woven(handle) : argument)
                    .toArray();
            super.visitInvokeDynamicInsn(name, descriptor, bootstrap, woven);
        }

        @Override
        public void visitFieldInsn(int opcode, String owner, String name, String descriptor) {
            Integer field = volatiles.get(key(owner, name, descriptor));
            if (field == null) {
                super.visitFieldInsn(opcode, owner, name, descriptor);
            } else if (opcode == Opcodes.PUTFIELD) {
                super.visitInsn(Opcodes.DUP2);
                super.visitInsn(Opcodes.POP);
                tell("beforeWrite", field);
                super.visitFieldInsn(opcode, owner, name, descriptor);
            } else {
                super.visitInsn(Opcodes.DUP);
                super.visitFieldInsn(opcode, owner, name, descriptor);
                super.visitInsn(Opcodes.SWAP);
                tell("afterRead", field);
            }
        }

        @Override
        public void visitInsn(int opcode) {
            if (opcode == Opcodes.MONITORENTER) {
                note(method);
            }
            super.visitInsn(opcode);
        }

        /** Of the field's owner, who lies on the stack. */
        private void tell(String edge, int field) {
            super.visitLdcInsn(field);
            super.visitMethodInsn(Opcodes.INVOKESTATIC, EDGES, edge, "(Ljava/lang/Object;I)V", false);
        }

        private Handle woven(Handle handle) {
            Method substitute = substitute(handle.getOwner(), handle.getName(), handle.getDesc());
            return substitute == null
                    ? handle
                    : new Handle(
                            Opcodes.H_INVOKESTATIC,
                            EDGES,
                            handle.getName(),
                            Type.getMethodDescriptor(substitute),
                            false);
        }
    }

    /** What stands for a method, or null; a method that may order threads is known. */
    private Method substitute(String owner, String name, String descriptor) {
        Method substitute = substitutes.get(key(owner, name, descriptor));
        if (substitute != null) {
            found.add(key(owner, name, descriptor));
        } else if (mayOrder(owner, name)) {
            note(owner + "#" + name);
        }
        return substitute;
    }

    private static boolean mayOrder(String owner, String name) {
        return switch (owner) {
            case "java/lang/Thread" -> name.equals("start") || name.equals("join");
            case "java/lang/invoke/VarHandle", "java/util/Queue" -> true;
            default -> owner.startsWith("java/util/concurrent/") && !name.equals("<init>");
        };
    }

    private void note(String means) {
        (UNHEARD.contains(means) ? found : unknown).add(means);
    }
}
