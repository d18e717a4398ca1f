// The frame of every driver call.
#pragma once

#include "emulator.h"
#include "garbage.h"

#include <new>
#include <stdexcept>

#define DRIVER_CALL extern "C" __attribute__((visibility("default"))) CUresult

namespace emulator {

/** Locks the emulator, lets planned faults strike, runs the body with it, and answers the code of what is thrown. */
template <typename Body>
CUresult driverCall(const char* symbol, Body body) noexcept {
    Emulator& machine = Emulator::root();
    std::unique_lock<std::mutex> lock(machine.mutex);
    const int device = currentContexts().empty() ? -1 : currentContexts().back();
    try {
        try {
            machine.faults.strike(plainName(symbol), device);
            require(machine.memory != nullptr, CUDA_ERROR_NOT_INITIALIZED);
            body(machine);
            return CUDA_SUCCESS;
        } catch (const DeviceFault& fault) {
            machine.kill(machine.device(device), fault, symbol);
            return fault.code;
        }
    } catch (const Dropped&) {
        return CUDA_SUCCESS;
    } catch (const Hang&) {
        return machine.waitForever(lock);
    } catch (const UnknownHandle& error) {
        machine.reports.add(plainName(symbol) + ": " + error.what());
        return error.code;
    } catch (const DriverError& error) {
        return error.code;
    } catch (const std::bad_alloc&) {
        return CUDA_ERROR_OUT_OF_MEMORY;
    } catch (const std::exception& error) {
        machine.reports.add(std::string(symbol) + " failed in the emulator itself: " + error.what());
        return CUDA_ERROR_UNKNOWN;
    }
}

/** A call that answers more than a code, which holds garbage if it fails. */
template <typename Body, typename... Values>
CUresult driverCall(const char* symbol, const Answers<Values...>& answers, Body body) noexcept {
    const CUresult code = driverCall(symbol, body);
    if (code != CUDA_SUCCESS) {
        answers.spoil();
    }
    return code;
}

/**
 * A call that orders the work of devices and of the host. Whoever watches these calls may drop it: then `instead`
 * counts what nobody gets to know.
 */
template <typename Body, typename Instead>
CUresult orderingCall(const char* symbol, Body body, Instead instead) noexcept {
    // Asked without the lock: the answer may come from the program itself.
    const auto drops = Emulator::root().dropper.load();
    const bool drop = drops != nullptr && drops(plainName(symbol).c_str()) != 0;
    return driverCall(symbol, [&](Emulator& machine) { drop ? instead(machine) : body(machine); });
}

}  // namespace emulator
