package org.tp4j.device.cuda;

import static jcuda.driver.CUresult.CUDA_ERROR_JIT_COMPILER_NOT_FOUND;
import static jcuda.driver.JCudaDriver.cuLaunchKernel;
import static jcuda.driver.JCudaDriver.cuModuleGetFunction;
import static jcuda.driver.JCudaDriver.cuModuleLoadDataEx;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import jcuda.Pointer;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import org.tp4j.device.DeviceException;
import org.tp4j.device.Finding;

/** The kernels of {@code cuda/kernels} on one device, each module loaded when first used. Thread-safe. */
final class Kernels {
    /** Threads of every block. */
    static final int BLOCK = 256;

    private static final List<String> MODULES = List.of("reduce", "elementwise", "convert");
    private static final int[] NO_OPTIONS = {};
    private static final int BLOCKS_PER_MULTIPROCESSOR = 16;
    private static final int MOST_GRID_ROWS = 65535;

    private final CudaContext context;
    private final int mostBlocks;
    private final Map<String, CUmodule> modules = new ConcurrentHashMap<>();
    private final Map<String, CUfunction> functions = new ConcurrentHashMap<>();

    Kernels(CudaContext context, int multiprocessors) {
        this.context = context;
        this.mostBlocks = multiprocessors * BLOCKS_PER_MULTIPROCESSOR;
    }

    /**
     * Enqueues a kernel whose one parameter is a structure. The context is current.
     *
     * @param module the kernel's file in {@code cuda/kernels}, without its ending
     * @param threads how many threads have something to do in each row; the grid holds at most so many
     * @param rows how many rows
     * @param parameter the structure, in a direct buffer
     */
    void launch(String module, String kernel, CUstream stream, long threads, long rows, ByteBuffer parameter) {
        int gridRows = (int) Math.min(rows, Math.min(mostBlocks, MOST_GRID_ROWS));
        long blocks = (threads + BLOCK - 1) / BLOCK;
        int gridColumns = (int) Math.min(blocks, Math.max(1, mostBlocks / gridRows));
        Pointer parameters = Pointer.to(Pointer.to(parameter));
        context.check(
                cuLaunchKernel(
                        function(module, kernel),
                        gridColumns,
                        gridRows,
                        1,
                        BLOCK,
                        1,
                        1,
                        0,
                        stream,
                        parameters,
                        null), // instead of which the parameters are given
                () -> "launching " + kernel + " for " + rows + " rows of " + threads + " threads");
    }

    /** Loads all of them. */
    Finding tried() {
        try {
            context.enter();
            MODULES.forEach(module -> modules.computeIfAbsent(module, this::loadModule));
            return Finding.found("kernels", "the PTX of " + String.join(", ", MODULES) + " loads");
        } catch (DeviceException e) {
            boolean noCompiler = e.getMessage().contains(CUresult.stringFor(CUDA_ERROR_JIT_COMPILER_NOT_FOUND));
            return Finding.missing(
                    "kernels",
                    e.getMessage(),
                    noCompiler
                            ? "install libnvidia-ptxjitcompiler.so.1, a part of the driver, or add its folder to LD_LIBRARY_PATH"
                            : "install a newer driver, or use a GPU of compute capability 7.5 or newer");
        }
    }

    private CUfunction function(String module, String kernel) {
        return functions.computeIfAbsent(kernel, name -> {
            CUmodule loaded = modules.computeIfAbsent(module, this::loadModule);
            return context.made(
                    new CUfunction(),
                    made -> cuModuleGetFunction(made, loaded, name),
                    () -> "finding the kernel " + name + " in " + module + ".ptx");
        });
    }

    private CUmodule loadModule(String name) {
        byte[] ptx = read(name + ".ptx");
        // The driver reads to the zero that ends a C string. A direct buffer: while it compiled an array, JCuda would
        // hold up
        // the garbage collector.
        Pointer text =
                Pointer.to(ByteBuffer.allocateDirect(ptx.length + 1).put(ptx).rewind());
        return context.made(
                new CUmodule(),
                made -> cuModuleLoadDataEx(made, text, 0, NO_OPTIONS, text), // nor values of them
                () -> "loading " + name + ".ptx of " + ptx.length + " bytes");
    }

    private static byte[] read(String resource) {
        try (InputStream in = Kernels.class.getResourceAsStream(resource)) {
            if (in == null) {
                throw new DeviceException("this build of tp4j holds no " + resource);
            }
            return in.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(resource + " cannot be read from this build of tp4j", e);
        }
    }
}
