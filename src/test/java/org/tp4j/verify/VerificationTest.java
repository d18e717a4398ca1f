package org.tp4j.verify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.tp4j.comm.World;
import org.tp4j.device.Addends;
import org.tp4j.device.Backends;
import org.tp4j.device.Device;
import org.tp4j.device.DeviceKind;
import org.tp4j.device.Nonlinearity;
import org.tp4j.device.UnusableDeviceException;
import org.tp4j.tensor.DType;

/** The laws hold on a device that works, and each breaks on a device that does not. */
class VerificationTest {
    private static final Set<Law> UNSPLIT =
            EnumSet.of(Law.COLUMN_IS_UNSPLIT, Law.ROW_IS_UNSPLIT, Law.MLP_IS_UNSPLIT, Law.GATED_MLP_IS_UNSPLIT);

    @Test
    void everyLawHoldsOnTheCpu() {
        Verification verification = Verification.standard(DeviceKind.CPU, 7);
        List<LawResult> seen = new ArrayList<>();
        VerificationReport report = verification.run(seen::add);
        assertEquals(List.of(), report.failures());
        assertEquals(verification.size(), report.results().size());
        assertEquals(report.results(), seen);
        for (Law law : Law.values()) {
            for (int size : Verification.DEFAULT_WORLD_SIZES) {
                assertEquals(law.appliesTo(size), !report.of(law, size).isEmpty(), law + " at " + size);
            }
        }
    }

    @Test
    void oneSeedGivesOneReport() {
        Verification verification = new Verification(DeviceKind.CPU, List.of(3), List.of(DType.F32), 5);
        assertEquals(
                verification.run(result -> {}).results(),
                verification.run(result -> {}).results());
    }

    @Test
    void aBiasThatIsDroppedBreaksEverySplit() {
        Set<Law> broken = broken((operation, arguments) -> {
            if (operation.equals("reduce")) {
                arguments[3] = Addends.NONE;
            }
        });
        assertTrue(broken.containsAll(UNSPLIT), broken.toString());
    }

    @Test
    void aPartThatIsDroppedBreaksEverySum() {
        Set<Law> broken = broken((operation, arguments) -> {
            if (operation.equals("reduce") && parts(arguments).size() > 1) {
                arguments[0] = parts(arguments).subList(1, parts(arguments).size());
            }
        });
        assertTrue(
                broken.containsAll(EnumSet.of(Law.ROW_IS_UNSPLIT, Law.MLP_IS_UNSPLIT, Law.GATED_MLP_IS_UNSPLIT)),
                broken.toString());
        assertFalse(broken.contains(Law.COLUMN_IS_UNSPLIT));
    }

    @Test
    void aPartThatIsAddedTwiceBreaksEverySum() {
        Set<Law> broken = broken((operation, arguments) -> {
            if (operation.equals("reduce") && parts(arguments).size() > 1) {
                List<Object> parts = new ArrayList<>(parts(arguments));
                parts.add(parts.get(0));
                arguments[0] = parts;
            }
        });
        assertTrue(
                broken.containsAll(EnumSet.of(Law.ROW_IS_UNSPLIT, Law.MLP_IS_UNSPLIT, Law.GATED_MLP_IS_UNSPLIT)),
                broken.toString());
    }

    @Test
    void anOrderThatChangesFromCallToCallBreaksOnlySameBits() {
        Map<String, Integer> calls = new ConcurrentHashMap<>();
        Set<Law> broken = broken((operation, arguments) -> {
            String rank = Thread.currentThread().getName();
            // Every second call of a rank, odd ranks one call later: so neighbours differ, and so do runs.
            if (operation.equals("reduce")
                    && calls.merge(rank, 1, Integer::sum) % 2 == rank.charAt(rank.length() - 1) % 2) {
                rotateParts(arguments);
            }
        });
        assertTrue(broken.containsAll(EnumSet.of(Law.RANKS_AGREE, Law.RUNS_AGREE)), broken.toString());
        assertTrue(Collections.disjoint(broken, UNSPLIT), broken.toString());
    }

    @Test
    void anotherOrderInPartsOfAMatrixBreaksTheAgreementOfTheAlgorithms() {
        Set<Law> broken = broken((operation, arguments) -> {
            if (operation.equals("reduce") && (Long) arguments[1] > 0) {
                rotateParts(arguments);
            }
        });
        assertTrue(broken.containsAll(EnumSet.of(Law.ALGORITHMS_AGREE, Law.ALL_REDUCE_IS_TREE)), broken.toString());
        assertTrue(Collections.disjoint(broken, UNSPLIT), broken.toString());
    }

    /** An order that every sum shares is no sum's own: without the host's tree only other world sizes could show it. */
    @ParameterizedTest
    @ValueSource(ints = {3, 4, 5, 6, 7, 9, 17})
    void partsRotatedByOneEverywhereBreakTheHostsTree(int worldSize) {
        Set<Law> broken = broken(worldSize, (operation, arguments) -> {
            if (operation.equals("reduce")) {
                rotateParts(arguments);
            }
        });
        Set<Law> expected = EnumSet.of(Law.ALL_REDUCE_IS_TREE);
        if (Law.TP_INVARIANT.appliesTo(worldSize)) {
            expected.add(Law.TP_INVARIANT);
        }
        assertEquals(expected, broken);
    }

    @Test
    void anotherNonlinearityBreaksMlps() {
        Set<Law> broken = broken((operation, arguments) -> {
            if (operation.equals("apply") && arguments[0] == Nonlinearity.GELU) {
                arguments[0] = Nonlinearity.GELU_TANH;
            } else if (operation.equals("applyGated") && arguments[0] == Nonlinearity.RELU) {
                arguments[0] = Nonlinearity.NONE;
            }
        });
        assertEquals(EnumSet.of(Law.MLP_IS_UNSPLIT, Law.GATED_MLP_IS_UNSPLIT), broken);
    }

    @Test
    void aGateAndItsPartnerInterchangedBreakGatedMlps() {
        Set<Law> broken = broken((operation, arguments) -> {
            if (operation.equals("applyGated")) {
                Object gate = arguments[1];
                arguments[1] = arguments[2];
                arguments[2] = gate;
            }
        });
        assertTrue(broken.contains(Law.GATED_MLP_IS_UNSPLIT), broken.toString());
        assertFalse(broken.contains(Law.MLP_IS_UNSPLIT));
    }

    @Test
    void aDeviceThatThrowsBreaksEveryLawAndIsNamed() {
        VerificationReport report = onFaultyDevice(4, (operation, arguments) -> {
            if (operation.equals("gemm")) {
                throw new IllegalStateException("the product failed");
            }
        });
        assertEquals(report.results().size(), report.failures().size());
        assertTrue(
                report.results().get(0).detail().contains("rank"),
                report.results().get(0).detail());
    }

    /** As on a box with GPUs of two generations, whose products differ in their bits. */
    @Test
    void onUnlikeDevicesTpInvarianceIsNotCheckedAndTheReportSaysWhy() {
        List<Device> devices = unlike();
        VerificationReport report =
                new Verification(DeviceKind.CPU, List.of(1, 2), List.of(DType.F32), 9).run(devices, result -> {});
        assertEquals(List.of(), report.failures());
        assertFalse(report.of(Law.TP_INVARIANT, 1).isEmpty());
        assertEquals(List.of(), report.of(Law.TP_INVARIANT, 2));
        assertEquals(
                "not checked on devices of different models: device one is of one, but device other is of other",
                report.environment().get(Law.TP_INVARIANT.title()));
    }

    @Test
    void aTpInvariantWorldRefusesUnlikeDevicesAndNamesThem() {
        World.Builder builder =
                World.builder(DeviceKind.CPU, 2).devices(unlike()).tpInvariant(true);
        UnusableDeviceException refusal = assertThrows(UnusableDeviceException.class, builder::open);
        assertEquals(
                "TP-invariant mode needs devices of one model: device one is of one, but device other is of other; use"
                        + " like ones alone (for GPUs, by CUDA_VISIBLE_DEVICES), or do without this mode",
                refusal.getMessage());
        World.builder(DeviceKind.CPU, 2).devices(unlike()).open().close();
        World.builder(DeviceKind.CPU, 1)
                .devices(unlike())
                .tpInvariant(true)
                .open()
                .close();
    }

    private static List<Device> unlike() {
        Device cpu = Backends.open(DeviceKind.CPU).get(0);
        return Stream.of("one", "other")
                .<Device>map(model -> (Device) Proxy.newProxyInstance(
                        Device.class.getClassLoader(),
                        new Class<?>[] {Device.class},
                        (proxy, method, arguments) -> switch (method.getName()) {
                            case "model" -> model;
                            case "toString" -> "device " + model;
                            default -> method.invoke(cpu, arguments);
                        }))
                .toList();
    }

    @Test
    void worldSizesAreChecked() {
        List<DType> dtypes = List.of(DType.F32);
        assertThrows(IllegalArgumentException.class, () -> new Verification(DeviceKind.CPU, List.of(0), dtypes, 1));
        assertThrows(IllegalArgumentException.class, () -> new Verification(DeviceKind.CPU, List.of(), dtypes, 1));
        assertThrows(IllegalArgumentException.class, () -> new Verification(DeviceKind.CPU, List.of(2), List.of(), 1));
    }

    @Test
    void thePageTellsWhatFailedWithoutScripts() {
        VerificationReport good = new Verification(DeviceKind.CPU, List.of(2), List.of(DType.F32), 3).run(result -> {});
        String page = HtmlReport.of(good);
        assertTrue(page.contains("All " + good.results().size() + " checks passed"));
        assertFalse(page.contains("<script") || page.contains("http") || page.contains("<h2>Failures"));
        LawResult bad = new LawResult(Law.RUNS_AGREE, 2, DType.F32, "1 x 2 -> 3", false, "a < b & \"c\"");
        String failed = HtmlReport.of(
                new VerificationReport(good.verification(), List.of(bad), good.environment(), good.took()));
        assertTrue(failed.contains("1 of 1 checks failed"));
        assertTrue(failed.contains("a &lt; b &amp; &quot;c&quot;"));
    }

    private static void rotateParts(Object[] arguments) {
        List<Object> parts = new ArrayList<>(parts(arguments));
        Collections.rotate(parts, 1);
        arguments[0] = parts;
    }

    private static List<?> parts(Object[] arguments) {
        return (List<?>) arguments[0];
    }

    private static Set<Law> broken(FaultyDevice.Fault fault) {
        return broken(4, fault);
    }

    private static Set<Law> broken(int worldSize, FaultyDevice.Fault fault) {
        return onFaultyDevice(worldSize, fault).failures().stream()
                .map(LawResult::law)
                .collect(Collectors.toCollection(() -> EnumSet.noneOf(Law.class)));
    }

    private static VerificationReport onFaultyDevice(int worldSize, FaultyDevice.Fault fault) {
        List<Device> devices = Backends.open(DeviceKind.CPU).stream()
                .<Device>map(device -> new FaultyDevice(device, fault))
                .toList();
        return new Verification(DeviceKind.CPU, List.of(worldSize), List.of(DType.F32), 9).run(devices, result -> {});
    }
}
