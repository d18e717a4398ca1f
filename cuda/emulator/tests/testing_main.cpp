#include "testing.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace testing {

std::vector<Test>& tests() {
    static std::vector<Test> all;
    return all;
}

void expectAt(const char* file, int line, bool condition, const std::string& what) {
    if (!condition) {
        std::fprintf(stderr, "%s:%d: %s\n", file, line, what.c_str());
        std::exit(1);
    }
}

}  // namespace testing

namespace {

bool passes(const testing::Test& test) {
    const pid_t child = fork();
    if (child == 0) {
        test.body();
        std::exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

// The emulator says on standard error what it finds, which here is mostly what it should find: shown for failures only.
int main(int, char** arguments) {
    int failures = 0;
    for (const testing::Test& test : testing::tests()) {
        char log[] = "/tmp/emulator-test-XXXXXX";
        const int file = mkstemp(log);
        const int terminal = dup(STDERR_FILENO);
        dup2(file, STDERR_FILENO);
        const bool passed = passes(test);
        dup2(terminal, STDERR_FILENO);
        close(terminal);
        if (!passed) {
            failures++;
            std::fprintf(stderr, "FAILED %s\n", test.name);
            std::string shown = "cat " + std::string(log) + " >&2";
            if (std::system(shown.c_str()) != 0) {
                std::fprintf(stderr, "its output is lost\n");
            }
        }
        close(file);
        unlink(log);
    }
    std::printf("%s: %zu tests, %d failed\n", arguments[0], testing::tests().size(), failures);
    return failures == 0 ? 0 : 1;
}
