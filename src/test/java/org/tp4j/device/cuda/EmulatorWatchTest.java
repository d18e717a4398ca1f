package org.tp4j.device.cuda;

import static jcuda.driver.JCudaDriver.cuEventCreate;
import static jcuda.driver.JCudaDriver.cuEventDestroy;
import static jcuda.driver.JCudaDriver.cuMemAlloc;
import static jcuda.driver.JCudaDriver.cuMemAllocHost;
import static jcuda.driver.JCudaDriver.cuMemFree;
import static jcuda.driver.JCudaDriver.cuMemFreeHost;
import static jcuda.driver.JCudaDriver.cuStreamCreate;
import static jcuda.driver.JCudaDriver.cuStreamDestroy;
import static jcuda.jcublas.JCublas2.cublasCreate;
import static jcuda.jcublas.JCublas2.cublasDestroy;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectMethod;

import java.util.ArrayDeque;
import java.util.Deque;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUstream;
import jcuda.jcublas.cublasHandle;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.platform.launcher.Launcher;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;
import org.junit.platform.launcher.listeners.TestExecutionSummary;
import org.tp4j.comm.World;
import org.tp4j.device.Backends;
import org.tp4j.device.DeviceKind;

/** What a test leaves on the devices, or does wrong on them, makes that test fail. */
@Tag("emulated")
class EmulatorWatchTest {
    private static final Deque<Runnable> CLEANING = new ArrayDeque<>();

    @ParameterizedTest
    @CsvSource({
        "stream, streams, 1",
        "event, events, 1",
        "handle, handles, 1",
        "memory, allocations, 1",
        "pinnedMemory, pinned, 1",
        "world, streams, 3",
    })
    void whatIsLeftFailsItsTest(String planted, String what, long more) {
        long before = Emulator.count(what);
        fails(planted, "what is left on the devices ==> ", what + "=" + (before + more));
    }

    @Test
    void whatIsDoneWronglyFailsItsTest() {
        fails("secondRelease", "what the emulator found wrong ==> ", "freed twice");
    }

    @Test
    void whatIsReleasedDoesNot() {
        assertEquals(1, run("nothing").getTestsSucceededCount());
    }

    private static void fails(String planted, String... parts) {
        TestExecutionSummary summary = run(planted);
        CLEANING.forEach(Runnable::run);
        CLEANING.clear();
        assertEquals(1, summary.getTestsFailedCount(), planted);
        Throwable failure = summary.getFailures().get(0).getException();
        for (String part : parts) {
            assertTrue(failure instanceof AssertionError && failure.getMessage().contains(part), failure::toString);
        }
    }

    private static TestExecutionSummary run(String planted) {
        LauncherDiscoveryRequest request = LauncherDiscoveryRequestBuilder.request()
                .selectors(selectMethod(Planted.class, planted))
                .build();
        SummaryGeneratingListener listener = new SummaryGeneratingListener();
        Launcher launcher = LauncherFactory.create();
        launcher.execute(request, listener);
        return listener.getSummary();
    }

    /** Tests that only the test around them runs. */
    static final class Planted {
        private final CudaDevice device =
                (CudaDevice) Backends.open(DeviceKind.CUDA).get(0);

        Planted() {
            device.context().enter();
        }

        @Test
        void stream() {
            CUstream stream = new CUstream();
            cuStreamCreate(stream, 0);
            CLEANING.add(() -> cuStreamDestroy(stream));
        }

        @Test
        void event() {
            CUevent event = new CUevent();
            cuEventCreate(event, 0);
            CLEANING.add(() -> cuEventDestroy(event));
        }

        @Test
        void handle() {
            cublasHandle handle = new cublasHandle();
            cublasCreate(handle);
            CLEANING.add(() -> cublasDestroy(handle));
        }

        @Test
        void memory() {
            CUdeviceptr memory = new CUdeviceptr();
            cuMemAlloc(memory, 1);
            CLEANING.add(() -> cuMemFree(memory));
        }

        @Test
        void pinnedMemory() {
            Pointer memory = new Pointer();
            cuMemAllocHost(memory, 1);
            CLEANING.add(() -> cuMemFreeHost(memory));
        }

        @Test
        void world() {
            World world = World.open(DeviceKind.CUDA, 3);
            CLEANING.add(world::close);
        }

        @Test
        void secondRelease() {
            CUdeviceptr memory = new CUdeviceptr();
            cuMemAlloc(memory, 1);
            cuMemFree(memory);
            cuMemFree(memory);
        }

        @Test
        void nothing() {
            World.open(DeviceKind.CUDA, 3).close();
        }
    }
}
