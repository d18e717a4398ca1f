#include "control.h"

#include "emulator.h"

#include <exception>
#include <mutex>
#include <string>

using emulator::Emulator;

namespace {

std::string& answer() {
    thread_local std::string text;
    return text;
}

}  // namespace

extern "C" {

__attribute__((visibility("default"))) const char* emulatorConfigure(const char* setting) {
    const std::string text = setting;
    const std::size_t equals = text.find('=');
    const std::lock_guard<std::mutex> lock(Emulator::root().mutex);
    try {
        Emulator::root().configure(text.substr(0, equals), equals == std::string::npos ? "" : text.substr(equals + 1));
        return nullptr;
    } catch (const std::exception& error) {
        answer() = error.what();
        return answer().c_str();
    }
}

__attribute__((visibility("default"))) void emulatorDropWhere(int (*drops)(const char* call)) {
    Emulator::root().dropper = drops;
}

__attribute__((visibility("default"))) const char* emulatorSites() {
    const std::lock_guard<std::mutex> lock(Emulator::root().mutex);
    answer() = Emulator::root().processor.sites.list();
    return answer().c_str();
}

__attribute__((visibility("default"))) void emulatorRelease(std::int64_t object, std::int32_t part) {
    Emulator::root().host.release({object, part});
}

__attribute__((visibility("default"))) void emulatorAcquire(std::int64_t object, std::int32_t part) {
    Emulator::root().host.acquire({object, part});
}

__attribute__((visibility("default"))) void emulatorForget(std::int64_t object) {
    Emulator::root().host.forget(object);
}

__attribute__((visibility("default"))) long emulatorCount(const char* what) {
    const std::lock_guard<std::mutex> lock(Emulator::root().mutex);
    try {
        return Emulator::root().count(what);
    } catch (const std::exception&) {
        return -1;
    }
}

__attribute__((visibility("default"))) const char* emulatorTakeReports() {
    const std::lock_guard<std::mutex> lock(Emulator::root().mutex);
    answer() = Emulator::root().reports.take();
    return answer().c_str();
}
}
