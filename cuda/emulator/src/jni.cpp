// The natives of org.tp4j.device.cuda.Emulator and HostOrder, by which Java tests configure the emulator, read what it
// counted, and tell it in which order their threads come. The functions of a JNIEnv are found by their index in the
// table that the JNI specification fixes, so no JDK header is needed.

#include "control.h"

#include <cstdint>

namespace {

using JavaEnvironment = void**;  // leads to the function table
using JavaObject = void*;
using JavaMachine = void**;
using JavaMethod = void*;

constexpr int getStaticMethodId = 113;
constexpr int callStaticBooleanMethod = 117;
constexpr int newGlobalRef = 21;
constexpr int deleteLocalRef = 23;
constexpr int newStringUtf = 167;
constexpr int getStringUtfChars = 169;
constexpr int releaseStringUtfChars = 170;
constexpr int getJavaVm = 219;
constexpr int getEnv = 6;  // of the table of a JavaVM
constexpr int jni8 = 0x00010008;

template <typename Function>
Function* entry(JavaEnvironment* environment, int index) {
    return reinterpret_cast<Function*>((*environment)[index]);
}

/** A Java string's characters for as long as this lives. */
class Characters {
public:
    Characters(JavaEnvironment* environment, JavaObject string)
        : environment(environment),
          string(string),
          text(entry<const char*(JavaEnvironment*, JavaObject, unsigned char*)>(environment, getStringUtfChars)(
              environment, string, nullptr)) {}
    ~Characters() {
        entry<void(JavaEnvironment*, JavaObject, const char*)>(environment, releaseStringUtfChars)(environment, string,
                                                                                                   text);
    }
    Characters(const Characters&) = delete;
    Characters& operator=(const Characters&) = delete;

    const char* get() const { return text; }

private:
    JavaEnvironment* environment;
    JavaObject string;
    const char* text;
};

JavaObject javaString(JavaEnvironment* environment, const char* text) {
    return entry<JavaObject(JavaEnvironment*, const char*)>(environment, newStringUtf)(environment, text);
}

/** Where to ask whether a call is dropped: found when the first question is prepared, and good for the process. */
struct {
    JavaMachine* machine;
    JavaObject type;
    JavaMethod drops;
} question;

/** Calls come through JCuda's natives, so their threads are the JVM's. */
int askJava(const char* call) {
    JavaEnvironment* environment = nullptr;
    const auto attached = reinterpret_cast<int (*)(JavaMachine*, JavaEnvironment**, int)>((*question.machine)[getEnv]);
    if (attached(question.machine, &environment, jni8) != 0) {
        return 0;
    }
    JavaObject name = javaString(environment, call);
    const unsigned char answer =
        entry<unsigned char(JavaEnvironment*, JavaObject, JavaMethod, ...)>(environment, callStaticBooleanMethod)(
            environment, question.type, question.drops, name);
    entry<void(JavaEnvironment*, JavaObject)>(environment, deleteLocalRef)(environment, name);
    return answer;
}

void prepareQuestion(JavaEnvironment* environment, JavaObject type) {
    if (question.type == nullptr) {
        entry<int(JavaEnvironment*, JavaMachine**)>(environment, getJavaVm)(environment, &question.machine);
        question.drops =
            entry<JavaMethod(JavaEnvironment*, JavaObject, const char*, const char*)>(environment, getStaticMethodId)(
                environment, type, "drops", "(Ljava/lang/String;)Z");
        question.type = entry<JavaObject(JavaEnvironment*, JavaObject)>(environment, newGlobalRef)(environment, type);
    }
}

}  // namespace

#define NATIVE(type) extern "C" __attribute__((visibility("default"))) type

NATIVE(JavaObject)
Java_org_tp4j_device_cuda_Emulator_set(JavaEnvironment* environment, JavaObject, JavaObject setting) {
    const char* wrong = emulatorConfigure(Characters(environment, setting).get());
    return wrong == nullptr ? nullptr : javaString(environment, wrong);
}

NATIVE(void) Java_org_tp4j_device_cuda_Emulator_ask(JavaEnvironment* environment, JavaObject type, unsigned char ask) {
    prepareQuestion(environment, type);
    emulatorDropWhere(ask != 0 ? askJava : nullptr);
}

NATIVE(std::int64_t)
Java_org_tp4j_device_cuda_Emulator_count(JavaEnvironment* environment, JavaObject, JavaObject what) {
    return emulatorCount(Characters(environment, what).get());
}

NATIVE(JavaObject) Java_org_tp4j_device_cuda_Emulator_takeReports(JavaEnvironment* environment, JavaObject) {
    return javaString(environment, emulatorTakeReports());
}

NATIVE(JavaObject) Java_org_tp4j_device_cuda_Emulator_kernelSites(JavaEnvironment* environment, JavaObject) {
    return javaString(environment, emulatorSites());
}

NATIVE(void)
Java_org_tp4j_device_cuda_HostOrder_release(JavaEnvironment*, JavaObject, std::int64_t object, std::int32_t part) {
    emulatorRelease(object, part);
}

NATIVE(void)
Java_org_tp4j_device_cuda_HostOrder_acquire(JavaEnvironment*, JavaObject, std::int64_t object, std::int32_t part) {
    emulatorAcquire(object, part);
}

NATIVE(void) Java_org_tp4j_device_cuda_HostOrder_forget(JavaEnvironment*, JavaObject, std::int64_t object) {
    emulatorForget(object);
}
