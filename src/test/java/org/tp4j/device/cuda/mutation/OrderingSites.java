package org.tp4j.device.cuda.mutation;

import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;

/**
 * Which lines of the program order the work of devices, read from its class files, so that a new wait is found without
 * anybody's help: a line that calls the driver for it, or calls a method that only passes the order on.
 */
final class OrderingSites {
    private static final String DRIVER = "jcuda.driver.JCudaDriver";
    private static final Pattern ORDERING =
            Pattern.compile("cu(Stream|Event|Ctx)\\w*(Record|Wait|Query|Synchronize)\\w*");

    /** Methods that order on behalf of their callers: it is those who decide that there is an order. */
    private static final Map<String, Set<String>> CONDUITS = Map.of(
            "org.tp4j.device.Stream", Set.of("record", "await", "synchronize"),
            "org.tp4j.device.ReadGuard", Set.of("await"),
            "org.tp4j.comm.Meeting", Set.of("awaitPeers"),
            "org.tp4j.device.cuda.CudaEvent", Set.of("record", "await", "awaitOnHost"),
            "org.tp4j.device.cuda.HostWait", Set.of("until"),
            "org.tp4j.device.Block", Set.of("awaitReaders"),
            "org.tp4j.device.cuda.HostTransfers$Slot", Set.of("enqueued", "finish", "empty"),
            "org.tp4j.device.cuda.Relay$Port", Set.of("follow"),
            "org.tp4j.device.cuda.PeerEnd", Set.of("finish", "finishFor"));

    /** Methods whose order no result depends on: two ask what a device died of, two wait to take the time. */
    private static final Set<String> EXEMPT = Set.of(
            "org.tp4j.device.cuda.CudaContext#hasFailed",
            "org.tp4j.device.cuda.Products#check",
            "org.tp4j.bench.GemmBench$Operands#finish",
            "org.tp4j.bench.ResidentAllReduce#seconds");

    private final Set<String> program = new HashSet<>();
    private final Set<String> conduits = new HashSet<>();
    private final Set<String> lines = new TreeSet<>();

    private OrderingSites() {}

    /** The sites of everything in {@code src/main}. */
    static OrderingSites ofProgram() {
        OrderingSites sites = new OrderingSites();
        JavaClasses classes = new ClassFileImporter()
                .withImportOption(new ImportOption.DoNotIncludeTests())
                .importPackages("org.tp4j");
        for (JavaClass each : classes) {
            sites.program.add(each.getName());
            sites.addConduits(each);
        }
        for (JavaClass each : classes) {
            sites.addLines(each);
        }
        return sites;
    }

    /** Every line, as {@code Class:line} with the class's full name. */
    Set<String> lines() {
        return lines;
    }

    /**
     * The lines through which the calling thread came to an ordering call: from the driver's caller to the one who wanted
     * the order. None if that is not the program, but a test.
     */
    List<StackWalker.StackFrame> chain() {
        return StackWalker.getInstance().walk(frames -> {
            List<StackWalker.StackFrame> chain = new ArrayList<>();
            var each = frames.filter(frame -> program.contains(frame.getClassName()))
                    .iterator();
            while (each.hasNext()) {
                StackWalker.StackFrame frame = each.next();
                chain.add(frame);
                if (!conduits.contains(frame.getClassName() + "#" + method(frame))) {
                    return chain;
                }
            }
            return List.of();
        });
    }

    /** A frame's method; a lambda's is the one that it is written in. */
    static String method(StackWalker.StackFrame frame) {
        String name = frame.getMethodName();
        return name.startsWith("lambda$") ? name.substring("lambda$".length(), name.lastIndexOf('$')) : name;
    }

    private void addConduits(JavaClass type) {
        CONDUITS.forEach((owner, methods) -> {
            if (type.isAssignableTo(owner)) {
                methods.forEach(method -> conduits.add(type.getName() + "#" + method));
            }
        });
    }

    private void addLines(JavaClass type) {
        for (JavaAccess<?> call : type.getAccessesFromSelf()) {
            String target = call.getTargetOwner().getName();
            boolean ordering = target.equals(DRIVER)
                    ? ORDERING.matcher(call.getName()).matches()
                    : conduits.contains(target + "#" + call.getName());
            if (ordering
                    && !EXEMPT.contains(type.getName() + "#" + call.getOrigin().getName())) {
                lines.add(type.getName() + ":" + call.getLineNumber());
            }
        }
    }
}
