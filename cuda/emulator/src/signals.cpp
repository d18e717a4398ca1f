#include "signals.h"

#include "emulator.h"

#include <signal.h>
#include <unistd.h>

#include <cstring>

namespace emulator {
namespace {

// A handler gets no argument of ours, so what was there before has to be found in one place.
struct sigaction& previous() {
    static struct sigaction action;
    return action;
}

void passOn(int signal, siginfo_t* info, void* context) {
    const struct sigaction& action = previous();
    if ((action.sa_flags & SA_SIGINFO) != 0) {
        action.sa_sigaction(signal, info, context);
    } else if (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN) {
        action.sa_handler(signal);
    } else {
        // Nobody else handles it: returning runs into it once more, and then it ends the process.
        ::signal(signal, SIG_DFL);
    }
}

// Only what is safe in a handler: no lock, no allocation. Arenas never move once they are there.
void handle(int signal, siginfo_t* info, void* context) {
    const auto address = reinterpret_cast<Address>(info->si_addr);
    if (Emulator::root().memory && Emulator::root().memory->inArena(address)) {
        const char message[] = "emulator: the host touches freed memory, or memory past the end of an allocation\n";
        const auto written = write(STDERR_FILENO, message, sizeof message - 1);
        static_cast<void>(written);
    }
    passOn(signal, info, context);
}

}  // namespace

void explainFaultsInGuardPages() {
    static bool installed = false;
    if (installed) {
        return;
    }
    installed = true;
    struct sigaction action;
    std::memset(&action, 0, sizeof action);
    action.sa_sigaction = handle;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGSEGV, nullptr, &previous());
    sigaction(SIGSEGV, &action, nullptr);
}

}  // namespace emulator
