package org.tp4j.device.cuda;

import static java.util.Map.entry;

import java.util.Map;
import jcuda.driver.CUresult;

/**
 * Why the driver does not start, or gives no context on a GPU, by the code that it answers with.
 *
 * @param wrong what is wrong, as a clause
 * @param mend what would mend that; {@code nvidia-smi} is in order in most of these cases, and says nothing
 * @see <a href="https://docs.nvidia.com/cuda/cuda-driver-api/group__CUDA__TYPES.html">CUresult</a>
 */
record StartFailure(int code, String wrong, String mend) {
    private static final String START_MPS = "start it with nvidia-cuda-mps-control -d, or do without: unset"
            + " CUDA_MPS_PIPE_DIRECTORY and end it with echo quit | nvidia-cuda-mps-control";
    private static final String END_AN_MPS_CLIENT = "end another of its clients, or raise their number";
    private static final String REBOOT =
            "reboot, or reload the driver's kernel modules, so that both are of one release";

    private static final Map<Integer, StartFailure> KNOWN = Map.ofEntries(
            known(
                    CUresult.CUDA_ERROR_OUT_OF_MEMORY,
                    "too little of the GPU's memory is free",
                    "end a process that nvidia-smi lists there, or use another GPU by CUDA_VISIBLE_DEVICES"),
            known(
                    CUresult.CUDA_ERROR_STUB_LIBRARY,
                    "the toolkit's stub, to link with, is loaded instead of the driver",
                    "take the folder stubs out of LD_LIBRARY_PATH, or name the driver with -D" + CudaDriver.PROPERTY
                            + "=FILE"),
            known(
                    CUresult.CUDA_ERROR_DEVICE_UNAVAILABLE,
                    "another process uses the GPU for itself alone, or its mode forbids computing",
                    "end that process, share the GPU with sudo nvidia-smi -c 0, or use another one by"
                            + " CUDA_VISIBLE_DEVICES"),
            known(
                    CUresult.CUDA_ERROR_NO_DEVICE,
                    "the NVIDIA driver finds no GPU",
                    "make one visible, for instance in CUDA_VISIBLE_DEVICES or with docker's --gpus all"),
            known(
                    CUresult.CUDA_ERROR_INVALID_DEVICE,
                    "there is no such GPU",
                    "correct CUDA_VISIBLE_DEVICES; nvidia-smi -L lists the GPUs and their MIG instances"),
            known(
                    CUresult.CUDA_ERROR_DEVICE_NOT_LICENSED,
                    "the virtual GPU has no license",
                    "give it one: see systemctl status nvidia-gridd"),
            known(
                    CUresult.CUDA_ERROR_ECC_UNCORRECTABLE,
                    "the GPU's memory has an error that cannot be corrected",
                    "reset it with sudo nvidia-smi -r, or use another one by CUDA_VISIBLE_DEVICES"),
            known(
                    CUresult.CUDA_ERROR_OPERATING_SYSTEM,
                    "the operating system refused a call of the driver, often an open of /dev/nvidia*",
                    "let this user read and write /dev/nvidia*, and raise its limits (ulimit -a)"),
            known(
                    CUresult.CUDA_ERROR_NOT_PERMITTED,
                    "this user may not use the GPU",
                    "let this user read and write /dev/nvidia* and /dev/nvidia-caps/*"),
            known(
                    CUresult.CUDA_ERROR_SYSTEM_NOT_READY,
                    "the fabric manager, which joins the GPUs by NVSwitch, is not running or not of the driver's release",
                    "start it with sudo systemctl start nvidia-fabricmanager, after installing the driver's very"
                            + " release of it; without an NVSwitch, load nvidia_uvm with uvm_disable_hmm=1"),
            known(
                    CUresult.CUDA_ERROR_SYSTEM_DRIVER_MISMATCH,
                    "the driver's library and its kernel module are of different releases",
                    REBOOT),
            known(
                    CUresult.CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE,
                    "the library found is that of forward compatibility, which this GPU is not made for",
                    "take the folder compat out of LD_LIBRARY_PATH and of /etc/ld.so.conf.d, so that the driver's own"
                            + " is found"),
            known(CUresult.CUDA_ERROR_MPS_CONNECTION_FAILED, "the Multi-Process Service does not answer", START_MPS),
            known(CUresult.CUDA_ERROR_MPS_RPC_FAILURE, "the Multi-Process Service failed", START_MPS),
            known(
                    CUresult.CUDA_ERROR_MPS_SERVER_NOT_READY,
                    "the Multi-Process Service is not ready",
                    "try again; if that does not help, " + START_MPS),
            known(
                    CUresult.CUDA_ERROR_MPS_MAX_CLIENTS_REACHED,
                    "the Multi-Process Service has as many clients as it serves",
                    END_AN_MPS_CLIENT),
            known(
                    CUresult.CUDA_ERROR_MPS_MAX_CONNECTIONS_REACHED,
                    "the Multi-Process Service has as many connections as it serves",
                    END_AN_MPS_CLIENT),
            known(
                    CUresult.CUDA_ERROR_UNKNOWN,
                    "the kernel module nvidia_uvm is not loaded, /dev/nvidia-uvm cannot be opened, or the machine slept",
                    "run sudo nvidia-modprobe -u -c=0, in a container start it with --gpus all or --runtime=nvidia;"
                            + " after a sleep, sudo rmmod nvidia_uvm && sudo modprobe nvidia_uvm"));

    /** What a code means. */
    static StartFailure of(int code) {
        return KNOWN.getOrDefault(
                code,
                new StartFailure(
                        code,
                        "the driver gives no other reason",
                        "look in sudo dmesg for lines of NVRM, which say what its kernel module met"));
    }

    /** {@code "CUDA_ERROR_SYSTEM_NOT_READY, 802: the fabric manager ..."}. */
    String reason() {
        return CUresult.stringFor(code) + ", " + code + ": " + wrong;
    }

    private static Map.Entry<Integer, StartFailure> known(int code, String wrong, String mend) {
        return entry(code, new StartFailure(code, wrong, mend));
    }
}
