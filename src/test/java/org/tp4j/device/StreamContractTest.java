package org.tp4j.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;

@ParameterizedClass
@MethodSource("org.tp4j.device.TestDevices#all")
class StreamContractTest {
    @Parameter
    private Device device;

    private Workplace work;

    @BeforeEach
    void open() {
        work = new Workplace(device);
    }

    @AfterEach
    void close() {
        work.close();
    }

    @Test
    void anEventThatWasNeverRecordedCannotBeAwaited() {
        try (Event event = device.createEvent()) {
            String message = assertThrows(IllegalStateException.class, () -> work.stream.await(event))
                    .getMessage();
            assertTrue(message.contains("never recorded"), message);
            work.stream.record(event);
            work.stream.await(event);
        }
    }

    @Test
    void anotherStreamsEventOrdersItsWorkBeforeOurs() {
        HostMatrix values = Workplace.integers(Workplace.random(), DType.F32, 300, 300, 1000);
        try (Stream other = device.openStream();
                Event event = device.createEvent();
                Scope scope = new ScopeStack(other).open("another stream")) {
            for (int turn = 0; turn < 3; turn++) {
                DeviceMatrix theirs = scope.upload(values, DType.F32);
                other.apply(Nonlinearity.RELU, theirs, theirs);
                other.record(event);
                work.stream.await(event);
                DeviceMatrix ours = work.scope.allocate(DType.F32, 300, 300);
                work.stream.copy(theirs, ours);
                Workplace.assertSameBits(
                        "turn " + turn, (row, column) -> Math.max(values.get(row, column), 0.0), work.download(ours));
            }
            other.synchronize(Workplace.LIMIT);
        }
    }

    @Test
    void aDeviceSaysWhatItIs() {
        assertSame(device, work.stream.device());
        assertFalse(device.name().isBlank());
        assertEquals(device.kind() == DeviceKind.CPU, device.name().startsWith("CPU "));
        assertTrue(device.index() >= 0);
    }

    @Test
    void theAlgorithmDependsOnTheQuestionAlone() {
        for (long bytes = 1; bytes < 1L << 40; bytes *= 4) {
            for (int ranks = 1; ranks <= 16; ranks++) {
                assertSame(device.allReduceAlgorithm(bytes, ranks), device.allReduceAlgorithm(bytes, ranks));
            }
        }
    }
}
