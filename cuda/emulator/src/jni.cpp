// The natives of org.tp4j.device.cuda.Emulator, by which Java tests configure the emulator and read what it counted.
// The functions of a JNIEnv are found by their index in the table that the JNI specification fixes, so no JDK header is
// needed.

#include "control.h"

#include <cstdint>

namespace {

using JavaEnvironment = void**;  // leads to the function table
using JavaObject = void*;

constexpr int newStringUtf = 167;
constexpr int getStringUtfChars = 169;
constexpr int releaseStringUtfChars = 170;

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

}  // namespace

#define NATIVE(type) extern "C" __attribute__((visibility("default"))) type

NATIVE(JavaObject)
Java_org_tp4j_device_cuda_Emulator_set(JavaEnvironment* environment, JavaObject, JavaObject setting) {
    const char* wrong = emulatorConfigure(Characters(environment, setting).get());
    return wrong == nullptr ? nullptr : javaString(environment, wrong);
}

NATIVE(std::int64_t)
Java_org_tp4j_device_cuda_Emulator_count(JavaEnvironment* environment, JavaObject, JavaObject what) {
    return emulatorCount(Characters(environment, what).get());
}

NATIVE(JavaObject) Java_org_tp4j_device_cuda_Emulator_takeReports(JavaEnvironment* environment, JavaObject) {
    return javaString(environment, emulatorTakeReports());
}
