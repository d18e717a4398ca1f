// Faults on demand, counts, and calls that are not emulated.

#include "garbage.h"
#include "machine.h"

#include <unistd.h>

#include <cstring>
#include <set>
#include <tuple>

using namespace testing;

extern "C" int cuMemAdvise();
extern "C" int cublasSaxpy_v2();

TEST(the_nth_allocation_fails_and_the_next_does_not) {
    const Machine machine;
    configure("fault=cuMemAlloc:2:2");
    CUdeviceptr memory = 0;
    OK(cuMemAlloc_v2(&memory, 16));
    EXPECT_CODE(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc_v2(&memory, 16));
    OK(cuMemAlloc_v2(&memory, 16));
}

TEST(a_fault_can_be_meant_for_one_device) {
    const Machine first("eager", 0);
    const Machine second("eager", 1);
    configure("fault=cuMemAlloc@0:1:2");
    CUdeviceptr memory = 0;
    OK(cuMemAlloc_v2(&memory, 16));
    first.use();
    EXPECT_CODE(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc_v2(&memory, 16));
}

TEST(a_launch_can_be_refused) {
    Machine machine;
    const CUdeviceptr values = machine.upload(count(64));
    configure("fault=cuLaunchKernel:1:701");
    EXPECT_CODE(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, machine.launch("reverse", nullptr, 1, 64, values));
    OK(machine.launch("reverse", nullptr, 1, 64, values));
    OK(cuCtxSynchronize());
}

TEST(a_kernel_can_fail_when_it_runs) {
    Machine machine("lazy");
    const CUdeviceptr values = machine.upload(count(64));
    configure("fault=kernel:1:719");
    OK(machine.launch("reverse", nullptr, 1, 64, values));
    EXPECT_CODE(CUDA_ERROR_LAUNCH_FAILED, cuCtxSynchronize());
    EXPECT_CODE(CUDA_ERROR_LAUNCH_FAILED, cuCtxSynchronize());
    EXPECT(reports().empty());
}

TEST(a_sticky_error_stays_with_its_device) {
    const Machine machine;
    configure("fault=cuMemAlloc:1:700:sticky");
    CUdeviceptr memory = 0;
    EXPECT_CODE(CUDA_ERROR_ILLEGAL_ADDRESS, cuMemAlloc_v2(&memory, 16));
    EXPECT_CODE(CUDA_ERROR_ILLEGAL_ADDRESS, cuMemAlloc_v2(&memory, 16));
    OK(cuDevicePrimaryCtxRelease_v2(0));
    CUcontext context = nullptr;
    EXPECT_CODE(CUDA_ERROR_ILLEGAL_ADDRESS, cuDevicePrimaryCtxRetain(&context, 0));
    const Machine other("eager", 1);
    OK(cuMemAlloc_v2(&memory, 16));
}

TEST(a_dropped_wait_is_reported_as_a_race) {
    for (const bool drops : {false, true}) {
        const Machine machine;
        const CUdeviceptr memory = machine.memory(16);
        const CUstream first = machine.stream();
        const CUstream second = machine.stream();
        const CUevent event = machine.event();
        if (drops) {
            configure("drop=cuStreamWaitEvent:1");
        }
        OK(cuMemsetD8Async(memory, 1, 16, first));
        OK(cuEventRecord(event, first));
        OK(cuStreamWaitEvent(second, event, 0));
        OK(cuMemsetD8Async(memory, 2, 16, second));
        EXPECT(reported("race") == drops);
    }
}

namespace {

/** The call that somebody who is asked drops. */
const char* unwanted = "";

int isUnwanted(const char* call) {
    return std::strcmp(call, unwanted) == 0 ? 1 : 0;
}

/** What is missed without a call by a stream that waits for another's work, and by the host that waits for its own. */
long missedWithout(const char* call) {
    const Machine machine;
    const CUdeviceptr memory = machine.memory(16);
    const CUstream first = machine.stream();
    const CUstream second = machine.stream();
    const CUevent event = machine.event();
    const long before = emulatorCount("missed");
    unwanted = call;
    emulatorDropWhere(isUnwanted);
    OK(cuMemsetD8Async(memory, 1, 16, first));
    OK(cuEventRecord(event, first));
    OK(cuStreamWaitEvent(second, event, 0));
    OK(cuMemsetD8Async(memory, 2, 16, second));
    OK(cuStreamSynchronize(second));
    emulatorDropWhere(nullptr);
    return emulatorCount("missed") - before;
}

}  // namespace

TEST(whoever_is_asked_drops_calls) {
    for (const char* call : {"cuEventRecord", "cuStreamWaitEvent"}) {
        EXPECT(missedWithout(call) == 1);
        EXPECT(reported("race"));
    }
    EXPECT(missedWithout("cuStreamSynchronize") == 1);
    EXPECT(missedWithout("cuStreamQuery") == 0);
    EXPECT(reports().empty());
}

TEST(a_dropped_call_that_tells_nothing_new_is_not_missed) {
    const Machine machine;
    const CUstream stream = machine.stream();
    const CUevent event = machine.event();
    unwanted = "cuEventRecord";
    emulatorDropWhere(isUnwanted);
    OK(cuMemsetD8Async(machine.memory(16), 1, 16, stream));
    OK(cuEventRecord(event, stream));
    OK(cuStreamWaitEvent(stream, event, 0));
    OK(cuStreamSynchronize(stream));
    OK(cuEventSynchronize(event));
    unwanted = "cuStreamSynchronize";
    OK(cuStreamSynchronize(stream));
    unwanted = "cuCtxSynchronize";
    OK(cuCtxSynchronize());
    EXPECT(emulatorCount("missed") == 0);
    OK(cuMemsetD8Async(machine.memory(16), 1, 16, stream));
    OK(cuCtxSynchronize());
    EXPECT(emulatorCount("missed") == 1);
}

TEST(a_restart_forgets_everything_and_mends_devices) {
    Machine machine("lazy");
    const CUstream stream = machine.stream();
    machine.memory(16);
    OK(machine.launch("read_one_past", nullptr, 1, 32, machine.upload(count(4)), machine.memory(16), 5));
    EXPECT_CODE(CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
    EXPECT(emulatorCount("dead") == 1);
    configure("restart=now");
    EXPECT(emulatorCount("dead") == 0 && emulatorCount("streams") == 0);
    const Machine again;
    EXPECT(emulatorCount("allocations") == 0);
    EXPECT_CODE(CUDA_ERROR_INVALID_HANDLE, cuStreamSynchronize(stream));
    EXPECT(again.download<float>(again.upload(count(4)), 4) == count(4));
}

TEST(planned_faults_can_be_taken_back) {
    const Machine machine;
    configure("fault=cuMemAlloc:1:2");
    configure("faults=none");
    CUdeviceptr memory = 0;
    OK(cuMemAlloc_v2(&memory, 16));
}

TEST(bad_settings_are_named) {
    for (const char* setting :
         {"schedule=sometimes", "devices=x", "peers=", "nonsense=1", "fault=cuMemAlloc", "fault=a::2", "drop=a:b",
          "capability=80;", "capability=80;x", "multiprocessors=0", "name=", "cublas=bad", "cublas-version=12"}) {
        EXPECT(emulatorConfigure(setting) != nullptr);
    }
}

TEST(everything_alive_is_counted) {
    Machine machine;
    const auto expectCounts = [](const std::vector<std::pair<const char*, long>>& counts) {
        for (const auto& [what, number] : counts) {
            EXPECT(emulatorCount(what) == number);
        }
    };
    expectCounts({{"allocations", 0},
                  {"pinned", 0},
                  {"streams", 0},
                  {"events", 0},
                  {"modules", 0},
                  {"handles", 0},
                  {"contexts", 1}});
    const CUdeviceptr memory = machine.memory(16);
    void* host = nullptr;
    OK(cuMemAllocHost_v2(&host, 16));
    const CUstream stream = machine.stream();
    const CUevent event = machine.event();
    machine.kernel("add");
    cublasHandle_t handle = nullptr;
    OK(cublasCreate_v2(&handle));
    expectCounts({{"allocations", 2},
                  {"pinned", 1},
                  {"streams", 1},
                  {"events", 1},
                  {"modules", 1},
                  {"handles", 1},
                  {"contexts", 1}});
    EXPECT(emulatorCount("calls:cuMemAlloc") == 1);
    EXPECT(emulatorCount("nonsense") == -1);
    OK(cublasDestroy_v2(handle));
    OK(cuModuleUnload(machine.module));
    OK(cuEventDestroy_v2(event));
    OK(cuStreamDestroy_v2(stream));
    OK(cuMemFreeHost(host));
    OK(cuMemFree_v2(memory));
    OK(cuDevicePrimaryCtxRelease_v2(0));
    expectCounts({{"allocations", 0},
                  {"pinned", 0},
                  {"streams", 0},
                  {"events", 0},
                  {"modules", 0},
                  {"handles", 0},
                  {"contexts", 0}});
}

TEST(there_are_as_many_devices_as_asked_for) {
    configure("devices=9");
    OK(cuInit(0));
    int devices = 0;
    OK(cuDeviceGetCount(&devices));
    EXPECT(devices == 9);
    char name[64];
    OK(cuDeviceGetName(name, sizeof name, 8));
    EXPECT(std::string(name).rfind("Emulated", 0) == 0);
    EXPECT_CODE(CUDA_ERROR_INVALID_DEVICE, cuDeviceGetName(name, sizeof name, 9));
}

TEST(there_can_be_no_device) {
    configure("devices=0");
    EXPECT_CODE(100, cuInit(0));
}

TEST(nothing_works_before_initialization) {
    int devices = 0;
    EXPECT_CODE(CUDA_ERROR_NOT_INITIALIZED, cuDeviceGetCount(&devices));
    OK(cuInit(0));
    CUdeviceptr memory = 0;
    EXPECT_CODE(CUDA_ERROR_INVALID_CONTEXT, cuMemAlloc_v2(&memory, 16));
}

TEST(calls_that_are_not_emulated_say_so) {
    EXPECT_CODE(CUDA_ERROR_NOT_SUPPORTED, cuMemAdvise());
    EXPECT_CODE(CUBLAS_STATUS_NOT_SUPPORTED, cublasSaxpy_v2());
}

namespace {

/** Whether it is neither null nor anything that was ever given out. */
template <typename Value>
bool isGarbage(Value value) {
    return value == emulator::garbage<Value>() && value != Value{};
}

}  // namespace

TEST(what_a_failed_call_would_have_answered_is_garbage) {
    const Machine machine;
    for (const char* call : {"cuMemAlloc", "cuMemHostAlloc", "cuMemAllocHost", "cuStreamCreate", "cuEventCreate",
                             "cuModuleLoadDataEx", "cuDeviceGet", "cuDevicePrimaryCtxRetain", "cublasCreate"}) {
        configure("fault=" + std::string(call) + ":1:2");
    }
    CUdeviceptr memory = 0;
    EXPECT_CODE(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc_v2(&memory, 16));
    void* host = nullptr;
    EXPECT_CODE(CUDA_ERROR_OUT_OF_MEMORY, cuMemHostAlloc(&host, 16, 0));
    void* alsoHost = nullptr;
    EXPECT_CODE(CUDA_ERROR_OUT_OF_MEMORY, cuMemAllocHost_v2(&alsoHost, 16));
    CUstream stream = nullptr;
    EXPECT_CODE(CUDA_ERROR_OUT_OF_MEMORY, cuStreamCreate(&stream, 0));
    CUevent event = nullptr;
    EXPECT_CODE(CUDA_ERROR_OUT_OF_MEMORY, cuEventCreate(&event, 0));
    CUmodule module = nullptr;
    EXPECT_CODE(CUDA_ERROR_OUT_OF_MEMORY, cuModuleLoadDataEx(&module, "", 0, nullptr, nullptr));
    CUdevice device = 0;
    EXPECT_CODE(CUDA_ERROR_OUT_OF_MEMORY, cuDeviceGet(&device, 0));
    CUcontext context = nullptr;
    EXPECT_CODE(CUDA_ERROR_OUT_OF_MEMORY, cuDevicePrimaryCtxRetain(&context, 0));
    cublasHandle_t handle = nullptr;
    EXPECT_CODE(2, cublasCreate_v2(&handle));
    CUfunction function = nullptr;
    EXPECT_CODE(CUDA_ERROR_INVALID_HANDLE, cuModuleGetFunction(&function, module, "add"));
    EXPECT(isGarbage(memory) && isGarbage(host) && isGarbage(alsoHost) && isGarbage(stream) && isGarbage(event) &&
           isGarbage(module) && isGarbage(device) && isGarbage(context) && isGarbage(handle) && isGarbage(function));
}

TEST(garbage_in_place_of_a_handle_is_reported) {
    const Machine machine;
    char name[64];
    const auto expectReported = [](CUresult expected, CUresult answer, const char* what) {
        EXPECT_CODE(expected, answer);
        EXPECT(reported(what + std::string(": a call that failed left it behind")));
    };
    const auto stream = emulator::garbage<CUstream>();
    const auto event = emulator::garbage<CUevent>();
    const auto context = emulator::garbage<CUcontext>();
    const char* memory = "no beginning of an allocation";
    expectReported(CUDA_ERROR_INVALID_VALUE, cuMemFree_v2(emulator::garbage<CUdeviceptr>()), memory);
    expectReported(CUDA_ERROR_INVALID_VALUE, cuMemFreeHost(emulator::garbage<void*>()), memory);
    expectReported(CUDA_ERROR_INVALID_HANDLE, cuStreamDestroy_v2(stream), "no stream");
    expectReported(CUDA_ERROR_INVALID_HANDLE, cuStreamQuery(stream), "no stream");
    expectReported(CUDA_ERROR_INVALID_HANDLE, cuEventDestroy_v2(event), "no event");
    expectReported(CUDA_ERROR_INVALID_HANDLE, cuEventRecord(event, nullptr), "no event");
    expectReported(CUDA_ERROR_INVALID_HANDLE, cuModuleUnload(emulator::garbage<CUmodule>()), "no module");
    expectReported(CUDA_ERROR_INVALID_CONTEXT, cuCtxSetCurrent(context), "no context");
    machine.use();
    expectReported(CUDA_ERROR_INVALID_CONTEXT, cuCtxEnablePeerAccess(context, 0), "no context");
    expectReported(CUDA_ERROR_INVALID_DEVICE, cuDeviceGetName(name, 64, emulator::garbage<CUdevice>()), "no device");
    EXPECT_CODE(CUBLAS_STATUS_NOT_INITIALIZED, cublasDestroy_v2(emulator::garbage<cublasHandle_t>()));
    EXPECT(reported("no cuBLAS handle: a call that failed left it behind"));
}

TEST(a_stale_handle_is_reported_and_null_is_not) {
    const Machine machine;
    const CUevent event = machine.event();
    OK(cuEventDestroy_v2(event));
    EXPECT_CODE(CUDA_ERROR_INVALID_HANDLE, cuEventDestroy_v2(event));
    EXPECT(reported("is no event"));
    const CUdeviceptr memory = machine.memory(16);
    EXPECT_CODE(CUDA_ERROR_INVALID_VALUE, cuMemFree_v2(memory + 8));
    EXPECT(reported("no beginning of an allocation"));
    OK(cuMemFree_v2(0));
    EXPECT_CODE(CUDA_ERROR_INVALID_HANDLE, cuEventDestroy_v2(nullptr));
    EXPECT(reports().empty());
}

TEST(handles_are_never_those_of_something_else) {
    const Machine machine;
    const CUstream stream = machine.stream();
    OK(cuStreamDestroy_v2(stream));
    EXPECT(machine.stream() != stream);
    EXPECT_CODE(CUDA_ERROR_INVALID_HANDLE, cuStreamDestroy_v2(stream));
}

TEST(the_driver_can_fail_to_start) {
    for (const int code : {3, 34, 46, 100, 802, 803, 804, 999}) {
        configure("fault=cuInit:1+:" + std::to_string(code));
        EXPECT_CODE(code, cuInit(0));
        EXPECT_CODE(code, cuInit(0));
        configure("faults=none");
        const char* name = nullptr;
        const char* text = nullptr;
        OK(cuGetErrorName(static_cast<CUresult>(code), &name));
        OK(cuGetErrorString(static_cast<CUresult>(code), &text));
        EXPECT(std::string(name).rfind("CUDA_ERROR_", 0) == 0 && std::strlen(text) > 0);
    }
    configure("fault=cuInit:1:34:sticky");
    EXPECT_CODE(34, cuInit(0));
    configure("drop=cuInit:1");
    OK(cuInit(0));
    int devices = 0;
    EXPECT_CODE(CUDA_ERROR_NOT_INITIALIZED, cuDeviceGetCount(&devices));
    OK(cuInit(0));
}

TEST(a_device_can_refuse_its_context) {
    OK(cuInit(0));
    CUcontext context = nullptr;
    for (const int code : {2, 46, 999}) {
        configure("fault=cuDevicePrimaryCtxRetain:2:" + std::to_string(code));
        OK(cuDevicePrimaryCtxRetain(&context, 0));
        EXPECT_CODE(code, cuDevicePrimaryCtxRetain(&context, 1));
        OK(cuDevicePrimaryCtxRetain(&context, 1));
    }
}

TEST(devices_tell_themselves_apart_and_stay_the_same) {
    const auto all = [] {
        std::vector<std::string> ids;
        for (int device = 0; device < 4; device++) {
            CUuuid uuid;
            OK(cuDeviceGetUuid(&uuid, device));
            char bus[32];
            OK(cuDeviceGetPCIBusId(bus, sizeof bus, device));
            int number = -1;
            OK(cuDeviceGetAttribute(&number, 33, device));
            EXPECT(std::string(bus) == "0000:0" + std::to_string(number) + ":00.0");
            ids.emplace_back(std::string(uuid.bytes, sizeof uuid.bytes) + bus);
        }
        return ids;
    };
    OK(cuInit(0));
    const std::vector<std::string> ids = all();
    EXPECT(std::set<std::string>(ids.begin(), ids.end()).size() == 4);
    configure("restart=now");
    OK(cuInit(0));
    EXPECT(all() == ids);
}

TEST(devices_can_be_unlike) {
    configure("capability=80;89");
    configure("multiprocessors=108;128;64");
    configure("name=Emulated A100;Emulated 4090");
    OK(cuInit(0));
    const std::tuple<int, int, int, std::string> expected[] = {
        {8, 0, 108, "Emulated A100"}, {8, 9, 128, "Emulated 4090"}, {8, 9, 64, "Emulated 4090"}};
    for (int device = 0; device < 3; device++) {
        int major = 0;
        int minor = 0;
        OK(cuDeviceComputeCapability(&major, &minor, device));
        int multiprocessors = 0;
        OK(cuDeviceGetAttribute(&multiprocessors, 16, device));
        char name[64];
        OK(cuDeviceGetName(name, sizeof name, device));
        EXPECT(std::tuple(major, minor, multiprocessors, std::string(name)) == expected[device]);
        int asAttribute = 0;
        OK(cuDeviceGetAttribute(&asAttribute, 76, device));
        EXPECT(asAttribute == minor);
    }
}
