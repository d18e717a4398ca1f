#include "reports.h"

#include <cstdio>

namespace emulator {

void Reports::add(const std::string& finding) {
    std::fprintf(stderr, "emulator: %s\n", finding.c_str());
    findings.push_back(finding);
}

std::string Reports::take() {
    std::string lines;
    for (const std::string& finding : findings) {
        lines += finding + '\n';
    }
    findings.clear();
    return lines;
}

}  // namespace emulator
