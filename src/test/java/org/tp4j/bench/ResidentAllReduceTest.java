package org.tp4j.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.tp4j.cli.Main;
import org.tp4j.comm.RankException;
import org.tp4j.comm.World;
import org.tp4j.device.Backends;
import org.tp4j.device.Device;
import org.tp4j.device.DeviceKind;
import org.tp4j.device.cuda.JavaProcess;
import org.tp4j.tensor.Account;
import org.tp4j.tensor.HostMemory;
import org.tp4j.verify.FaultyDevice;

/** The all-reduce alone, on the CPU, and as the command line prints it, on emulated devices. */
class ResidentAllReduceTest {
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4})
    void everySumIsCheckedAndNothingIsLeft(int ranks) {
        long before = Account.settled();
        try (ResidentAllReduce bench = new ResidentAllReduce(DeviceKind.CPU, ranks)) {
            for (long elements : new long[] {1, 1000, 16_384, 70_001}) {
                assertTrue(bench.seconds(elements, 9) > 0);
            }
        }
        assertEquals(before, HostMemory.liveBytes());
    }

    @Test
    void aWrongSumIsTold() {
        Device cpu = Backends.open(DeviceKind.CPU).get(0);
        Device faulty = new FaultyDevice(cpu, (operation, arguments) -> {
            if (operation.equals("reduce")) {
                List<Object> parts = new ArrayList<>((List<?>) arguments[0]);
                parts.set(1, parts.get(0));
                arguments[0] = parts;
            }
        });
        World world = World.builder(DeviceKind.CPU, 2).devices(List.of(faulty)).open();
        try (ResidentAllReduce bench = new ResidentAllReduce(world)) {
            RankException failure = assertThrows(RankException.class, () -> bench.seconds(70_000, 1));
            assertInstanceOf(IllegalStateException.class, failure.getCause());
            assertTrue(
                    failure.getMessage().contains("element 0 of the all-reduce is 2.0: 3.0 is the sum"),
                    failure.getMessage());
        }
    }

    /** As the nccl-tests define them. */
    @Test
    void bandwidthsAreThoseOfTheNcclTests() {
        ResidentAllReduce.Result result = new ResidentAllReduce.Result(8_000_000, 4, 0.001);
        assertEquals(8e9, result.algorithmBandwidth(), 1);
        assertEquals(12e9, result.busBandwidth(), 1);
        assertEquals(0, new ResidentAllReduce.Result(8_000_000, 1, 0.001).busBandwidth());
    }

    @Test
    @Tag("emulated")
    void theCommandPrintsATable() throws Exception {
        String output = emulated().output();
        assertTrue(output.contains("bytes     elements    time (us)   algbw (GB/s)   busbw (GB/s)"), output);
        for (String size : List.of("4096 +1024", "100000 +25000")) {
            Matcher line = Pattern.compile("(?m)^ +" + size + " +([0-9.]+) +([0-9.]+) +([0-9.]+)$")
                    .matcher(output);
            assertTrue(line.find(), output);
            assertTrue(Double.parseDouble(line.group(1)) > 0, output);
        }
    }

    @Test
    @Tag("emulated")
    void theCommandPrintsJson() throws Exception {
        String output = emulated().arguments("--json").output();
        for (String name : List.of("bytes", "elements", "seconds", "algbw_gb_per_s", "busbw_gb_per_s")) {
            assertEquals(2, output.split("\"" + name + "\"", -1).length - 1, output);
        }
    }

    private static JavaProcess emulated() {
        return new JavaProcess(Main.class)
                .emulated()
                .variable("TP4J_EMULATOR_DEVICES", 2)
                .arguments("bench", "allreduce", "--device", "cuda", "--turns", "1", "--ranks", "3")
                .arguments("--bytes", "4096", "--bytes", "100000");
    }
}
