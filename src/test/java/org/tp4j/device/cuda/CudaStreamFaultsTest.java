package org.tp4j.device.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.tp4j.device.Device;
import org.tp4j.device.DeviceException;
import org.tp4j.device.DeviceMatrix;
import org.tp4j.device.Event;
import org.tp4j.device.Nonlinearity;
import org.tp4j.device.OutOfDeviceMemoryException;
import org.tp4j.device.Scope;
import org.tp4j.device.ScopeStack;
import org.tp4j.device.Stream;
import org.tp4j.tensor.DType;
import org.tp4j.tensor.HostMatrix;
import org.tp4j.tensor.WeightLayout;

/**
 * Calls that fail in the middle of a stream's operations: what was begun is finished or never touched again, nothing is
 * left behind, and the stream works on. Each test has devices of its own.
 */
@Tag("emulated")
class CudaStreamFaultsTest {
    private static final Duration LIMIT = Duration.ofSeconds(20);
    private static final int COLUMNS = 300;

    private List<Device> devices;

    @BeforeEach
    void probe() {
        devices = new CudaBackend().probe().devices();
    }

    @AfterEach
    void noMoreFaults() {
        Emulator.configure("faults=none");
        assertEquals(false, Thread.interrupted());
    }

    /** A stream and a scope of it. */
    private record Place(Stream stream, Scope scope) implements AutoCloseable {
        static Place on(Device device) {
            Stream stream = device.openStream();
            return new Place(stream, new ScopeStack(stream).open("a test"));
        }

        DeviceMatrix upload(double value) {
            try (HostMatrix host = ofAll(value)) {
                return scope.upload(host, DType.F32);
            }
        }

        void assertHolds(double value, DeviceMatrix matrix) {
            try (HostMatrix copy = HostMatrix.allocate(DType.F32, 1, matrix.columns())) {
                stream.download(matrix, copy, LIMIT);
                for (long column = 0; column < matrix.columns(); column++) {
                    assertEquals(value, copy.get(0, column));
                }
            }
        }

        @Override
        public void close() {
            scope.close();
            stream.close();
        }
    }

    @Test
    void anUploadWhoseMarkCannotBeMadeDoesNotSpoilTheNext() {
        try (Place place = Place.on(devices.get(0))) {
            Emulator.configure("fault=cuEventCreate@0:1:2");
            refused("creating an event", () -> place.upload(1));
            DeviceMatrix two = place.upload(2);
            place.assertHolds(3, place.upload(3));
            place.assertHolds(2, two);
        }
    }

    @Test
    void anUploadWhoseMarkIsNotRecordedDoesNotSpoilTheNext() {
        try (Place place = Place.on(devices.get(0))) {
            Emulator.configure("fault=cuEventRecord@0:1:999");
            refused("recording an event", () -> place.upload(1));
            place.stream().synchronize(LIMIT);
            DeviceMatrix two = place.upload(2);
            place.assertHolds(3, place.upload(3));
            place.assertHolds(2, two);
        }
    }

    @Test
    void theWorkspaceOfProductsMayTakeWhatWasKeptForReuse() {
        try (Place place = Place.on(devices.get(0))) {
            DeviceMatrix one = place.upload(1);
            DeviceMatrix y = place.scope().allocate(DType.F32, 1, 1);
            Emulator.configure("fault=cuMemAlloc@0:1:2");
            place.stream().gemm(one, one, WeightLayout.OUT_IN, y);
            place.assertHolds(COLUMNS, y);
        }
    }

    /** A handle has memory of its own, of which cuBLAS says only that there is none. */
    @Test
    void theHandleOfProductsMayTakeWhatWasKeptForReuse() {
        try (Place place = Place.on(devices.get(0))) {
            DeviceMatrix one = place.upload(1);
            DeviceMatrix y = place.scope().allocate(DType.F32, 1, 1);
            place.stream().release(place.stream().allocate(place.scope(), DType.F32, 2000, COLUMNS));
            long freed = Emulator.count("calls:cuMemFree");
            Emulator.configure("fault=cublasCreate@0:1:3");
            place.stream().gemm(one, one, WeightLayout.OUT_IN, y);
            assertTrue(Emulator.count("calls:cuMemFree") > freed, "nothing was freed");
            place.assertHolds(COLUMNS, y);
        }
    }

    @Test
    void aProductWithoutMemoryForItsWorkspaceSaysSoAndTheNextWorks() {
        try (Place place = Place.on(devices.get(0))) {
            DeviceMatrix one = place.upload(1);
            DeviceMatrix y = place.scope().allocate(DType.F32, 1, 1);
            Emulator.configure("fault=cuMemAlloc@0:1:2");
            Emulator.configure("fault=cuMemAlloc@0:1:2");
            assertThrows(OutOfDeviceMemoryException.class, () -> place.stream().gemm(one, one, WeightLayout.OUT_IN, y));
            Emulator.configure("fault=cublasCreate@0:1:3");
            Emulator.configure("fault=cublasCreate@0:1:3");
            refused("creating a cuBLAS handle", () -> place.stream().gemm(one, one, WeightLayout.OUT_IN, y));
            place.stream().gemm(one, one, WeightLayout.OUT_IN, y);
        }
    }

    /** A driver may refuse a pitch that is not its own. */
    @Test
    void rowsThatTheDriverDoesNotCopyAtOnceAreCopiedOneByOne() {
        try (Place place = Place.on(devices.get(0));
                HostMatrix host = HostMatrix.of(new float[][] {{1, 2, 3}, {4, 5, 6}, {7, 8, 9}});
                HostMatrix copied = HostMatrix.allocate(DType.F32, 3, 2)) {
            DeviceMatrix source = place.scope().upload(host, DType.F32).columns(1, 3);
            DeviceMatrix target = place.scope().allocate(DType.F32, 3, 5).columns(2, 4);
            Emulator.configure("fault=cuMemcpy2DAsync@0:1:1");
            place.stream().copy(source, target);
            place.stream().download(target, copied, LIMIT);
            for (long row = 0; row < 3; row++) {
                assertEquals(3.0 * row + 2, copied.get(row, 0));
                assertEquals(3.0 * row + 3, copied.get(row, 1));
            }
        }
    }

    /** Its memory is not freed by the next stream that closes on the device. */
    @Test
    @Tag("leaves-memory")
    void memoryOfAStreamThatDoesNotComeToRestStays() {
        Place lost = Place.on(devices.get(0));
        lost.upload(1);
        lost.scope().close();
        DeviceMatrix late = new ScopeStack(lost.stream())
                .open("a scope that outlives its stream")
                .allocate(DType.F32, 1, 9);
        Emulator.configure("fault=cuStreamQuery@0:1:999");
        lost.stream().close();
        late.scope().close();
        Place.on(devices.get(0)).close();
    }

    @Test
    void aCopyThroughHostMemoryThatCannotBeginLeavesNothing() {
        assumeTrue(devices.size() > 1, "there is one device: nothing is copied between devices");
        PeerTrialRun.relayAmong(devices);
        try (Place here = Place.on(devices.get(0));
                Place there = Place.on(devices.get(1))) {
            DeviceMatrix source = there.upload(5);
            DeviceMatrix target = here.scope().allocate(DType.F32, 1, COLUMNS);
            there.stream().synchronize(LIMIT);
            for (String call : List.of("cuStreamCreate@1:1", "cuEventCreate@1:1")) {
                Emulator.configure("fault=" + call + ":2");
                refused("creating a", () -> here.stream().copy(source, target));
            }
            here.stream().copy(source, target);
            here.assertHolds(5, target);
        }
    }

    /** What waits for the failed copy may overwrite the memory that the first half reads. */
    @Test
    void halfACopyThroughHostMemoryIsFinishedBeforeItsSourceIsFreed() {
        assumeTrue(devices.size() > 2, "nothing is copied from one device to another by a third");
        PeerTrialRun.relayAmong(devices);
        try (Place here = Place.on(devices.get(2));
                Place from = Place.on(devices.get(0));
                Place to = Place.on(devices.get(1))) {
            DeviceMatrix source = from.upload(5);
            DeviceMatrix target = to.upload(1);
            from.stream().synchronize(LIMIT);
            to.stream().synchronize(LIMIT);
            here.stream().copy(source, target); // makes what it needs
            here.stream().synchronize(LIMIT);
            Event read = here.stream().device().createEvent();
            Emulator.configure("fault=cuMemcpyHtoDAsync@1:1:1");
            refused("to the device", () -> here.stream().copy(source, target));
            here.stream().record(read);
            from.stream().await(read);
            from.stream().zero(source);
            from.assertHolds(0, source);
            read.close();
        }
    }

    /** Whoever connects the devices next tries them. */
    @Test
    void anInterruptedThreadConnectsNothingAndWorksOn() {
        assumeTrue(devices.size() > 1, "there is one device: nothing is copied between devices");
        Thread.currentThread().interrupt();
        devices.get(0).connect(devices);
        assertTrue(Thread.interrupted(), "the interrupt is kept");
        try (Place here = Place.on(devices.get(0));
                Place there = Place.on(devices.get(1))) {
            DeviceMatrix source = there.upload(5);
            DeviceMatrix target = here.scope().allocate(DType.F32, 1, COLUMNS);
            there.stream().synchronize(LIMIT);
            here.stream().copy(source, target);
            here.assertHolds(5, target);
        }
    }

    /** What a call that failed left in its handle is not used: the emulator would report it. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "cuStreamCreate:1:2",
                "cuMemAlloc:1:999",
                "cuMemHostAlloc:1:2",
                "cuEventCreate:1:2",
                "cublasCreate:1:1",
                "cuModuleLoadDataEx:1:2",
                "cuModuleGetFunction:1:500"
            })
    void whatWasNotMadeIsNotTouched(String fault) {
        Emulator.configure("fault=" + fault);
        assertThrows(DeviceException.class, this::useEverything);
        useEverything();
    }

    private void useEverything() {
        try (Place place = Place.on(devices.get(0))) {
            DeviceMatrix one = place.upload(1);
            DeviceMatrix y = place.scope().allocate(DType.F32, 1, 1);
            place.stream().gemm(one, one, WeightLayout.OUT_IN, y);
            place.stream().apply(Nonlinearity.RELU, y, y);
            place.assertHolds(COLUMNS, y);
        }
    }

    private static void refused(String words, Runnable work) {
        String message = assertThrows(DeviceException.class, work::run).getMessage();
        assertTrue(message.contains(words), message);
    }

    private static HostMatrix ofAll(double value) {
        float[] row = new float[COLUMNS];
        Arrays.fill(row, (float) value);
        return HostMatrix.of(new float[][] {row});
    }
}
