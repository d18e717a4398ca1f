// What the emulator found wrong with the program that it runs.
#pragma once

#include <string>
#include <vector>

namespace emulator {

/** Every finding, in the order in which they were made; each is also printed to standard error. */
class Reports {
public:
    void add(const std::string& finding);

    std::size_t count() const { return findings.size(); }

    /** All findings, one a line, which are then forgotten. */
    std::string take();

private:
    std::vector<std::string> findings;
};

}  // namespace emulator
