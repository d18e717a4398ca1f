// No barrier, shuffle or vote of tests/kernels.cu can be left out without somebody noticing, and the gate that says so
// notices what can.

#include "machine.h"

#include <algorithm>
#include <cstring>
#include <map>

using namespace testing;

namespace {

/** What a kernel makes of its memory, with right results that are the same in every order of its threads. */
struct Scenario {
    const char* kernel;
    unsigned blocks;
    unsigned threads;
    unsigned sharedBytes;
    std::vector<float> given;
    std::size_t results;
    /** Behind the pointers to what it is given and to its results. */
    std::vector<int> numbers;
};

/** What came of a run: bits, what the device died of, and what the emulator reported. */
struct Outcome {
    std::vector<float> results;
    CUresult code;
    std::string found;

    bool operator==(const Outcome& other) const {
        return code == other.code && found == other.found && results.size() == other.results.size() &&
               std::memcmp(results.data(), other.results.data(), results.size() * sizeof(float)) == 0;
    }
};

/** They take one pointer: their results are what became of the values that they were given. */
const std::vector<std::string> inPlace = {"reverse", "reverse_in_place", "rotate_half", "shuffle_types",
                                          "needless_barrier"};

Outcome run(const Scenario& scenario) {
    configure("restart=now");
    Machine machine("random:5");
    CUdeviceptr given = machine.upload(scenario.given);
    CUdeviceptr made = machine.memory(scenario.results * sizeof(float));
    std::vector<int> numbers = scenario.numbers;
    const bool changes = std::count(inPlace.begin(), inPlace.end(), scenario.kernel) != 0;
    std::vector<void*> arguments = {&given};
    if (!changes) {
        arguments.push_back(&made);
    }
    for (int& number : numbers) {
        arguments.push_back(&number);
    }
    OK(cuLaunchKernel(machine.kernel(scenario.kernel), scenario.blocks, 1, 1, scenario.threads, 1, 1,
                      scenario.sharedBytes, nullptr, arguments.data(), nullptr));
    Outcome outcome{std::vector<float>(scenario.results), cuCtxSynchronize(), ""};
    if (outcome.code == CUDA_SUCCESS) {
        outcome.results = machine.download<float>(changes ? given : made, scenario.results);
    }
    outcome.found = reports();
    return outcome;
}

/** How often kernels came to each site of a file. */
std::map<std::string, long> reached(const std::string& file) {
    std::map<std::string, long> found;
    std::istringstream lines(emulatorSites());
    std::string site;
    std::string function;
    long times = 0;
    while (lines >> site >> function >> times) {
        if (site.rfind(file + ":", 0) == 0) {
            found[site] = times;
        }
    }
    return found;
}

/** Leaves out each site of a file in each scenario that reaches it, one at a time: what nobody noticed. */
std::vector<std::string> survivors(const std::string& file, const std::vector<Scenario>& scenarios) {
    std::map<std::string, bool> noticed;
    std::map<std::string, bool> came;
    for (const Scenario& scenario : scenarios) {
        const auto before = reached(file);
        const Outcome right = run(scenario);
        EXPECT(right.code == CUDA_SUCCESS && right.found.empty());
        for (const auto& [site, times] : reached(file)) {
            if (times == before.at(site)) {
                continue;
            }
            came[site] = true;
            configure("omit=" + site);
            noticed[site] = noticed[site] || !(run(scenario) == right);
            configure("omit=none");
        }
    }
    std::vector<std::string> left;
    for (const auto& [site, times] : reached(file)) {
        if (!came[site]) {
            left.push_back("never reached: " + site);
        } else if (!noticed[site]) {
            left.push_back("survived: " + site);
        }
    }
    return left;
}

std::vector<float> odd(std::size_t size) {
    std::vector<float> values(size);
    for (std::size_t index = 0; index < size; index++) {
        values[index] = static_cast<float>(1 + index * index * 37 % 101);
    }
    return values;
}

std::vector<Scenario> all() {
    std::vector<float> mixed(32, 0);
    for (const std::size_t lane : {0, 3, 4, 11, 30}) {
        mixed[lane] = 1;
    }
    return {
        {"reverse", 1, 64, 0, odd(64), 64, {}},
        {"reverse_in_place", 1, 64, 0, odd(64), 64, {}},
        {"center", 2, 128, 0, odd(256), 256, {}},
        {"transpose", 1, 128, 0, odd(256), 256, {}},
        {"rotate_half", 1, 64, 0, odd(64), 64, {}},
        {"normalize", 2, 64, 400, odd(200), 200, {100}},
        {"shuffles", 1, 32, 0, odd(32), 128, {3, 8}},
        {"shuffle_types", 1, 32, 0, odd(32), 32, {}},
        {"votes", 1, 32, 0, mixed, 128, {}},
    };
}

bool holds(const std::vector<std::string>& lines, const std::string& line) {
    return std::count(lines.begin(), lines.end(), line) != 0;
}

std::string siteOf(const std::string& file, const std::string& text) {
    std::ifstream source("tests/" + file);
    std::string line;
    for (int number = 1; std::getline(source, line); number++) {
        if (line.find(text) != std::string::npos) {
            while (line.find("__sync") == std::string::npos && std::getline(source, line)) {
                number++;
            }
            return file + ":" + std::to_string(number);
        }
    }
    return "";
}

}  // namespace

TEST(no_mutant_of_a_right_kernel_survives) {
    std::string failures;
    for (const std::string& each : survivors("kernels.cu", all())) {
        failures += each + "\n";
    }
    expectAt(__FILE__, __LINE__, failures.empty(), failures);
}

TEST(a_barrier_that_nobody_needs_survives) {
    const auto found = survivors("bugs.cu", {{"needless_barrier", 1, 64, 0, odd(64), 64, {}}});
    EXPECT(holds(found, "survived: " + siteOf("bugs.cu", "void needless_barrier")));
}

TEST(a_site_that_no_scenario_comes_to_is_named) {
    std::vector<Scenario> some = all();
    some.erase(std::remove_if(some.begin(), some.end(),
                              [](const Scenario& each) { return std::string(each.kernel) == "transpose"; }),
               some.end());
    EXPECT(survivors("kernels.cu", some) ==
           std::vector<std::string>{"never reached: " + siteOf("kernels.cu", "void transpose")});
}

TEST(only_sites_can_be_left_out) {
    EXPECT(emulatorConfigure("omit=kernels.cu:1") != nullptr);
    EXPECT(emulatorConfigure("omit=none") == nullptr);
}
