#include "faults.h"

#include <algorithm>
#include <sstream>
#include <stdexcept>

namespace emulator {
namespace {

std::vector<std::string> fields(const std::string& text) {
    std::vector<std::string> parts;
    std::istringstream stream(text);
    for (std::string part; std::getline(stream, part, ':');) {
        parts.push_back(part);
    }
    return parts;
}

}  // namespace

Faults::Plan Faults::parse(const std::string& text, bool drop) {
    const std::vector<std::string> parts = fields(text);
    const std::size_t least = drop ? 2 : 3;
    const bool sticky = !drop && parts.size() == 4 && parts[3] == "sticky";
    if (parts.size() != (sticky ? 4 : least)) {
        throw std::invalid_argument(text + ": expected NAME[@DEVICE]:OCCURRENCE" + (drop ? "" : "[+]:CODE[:sticky]"));
    }
    const std::size_t at = parts[0].find('@');
    const int device = at == std::string::npos ? -1 : std::stoi(parts[0].substr(at + 1));
    const CUresult code = drop ? CUDA_SUCCESS : static_cast<CUresult>(std::stoi(parts[2]));
    const bool lasting = !drop && !parts[1].empty() && parts[1].back() == '+';
    return Plan{parts[0].substr(0, at), device, std::stol(parts[1]), lasting, code, sticky, drop};
}

void Faults::plan(const std::string& text) {
    planned.push_back(parse(text, false));
}

void Faults::planDrop(const std::string& text) {
    planned.push_back(parse(text, true));
}

void Faults::strike(const std::string& name, int device) {
    counted[name]++;
    for (auto plan = planned.begin(); plan != planned.end(); ++plan) {
        const bool meant = plan->name == name && (plan->device == -1 || plan->device == device);
        if (!meant || --plan->remaining > 0) {
            continue;
        }
        const Plan due = *plan;
        if (!due.lasting) {
            planned.erase(plan);
        }
        if (due.drop) {
            throw Dropped{};
        }
        if (due.sticky) {
            throw DeviceFault(due.code, "");
        }
        throw DriverError(due.code);
    }
}

long Faults::calls(const std::string& name) const {
    const auto found = counted.find(name);
    return found == counted.end() ? 0 : found->second;
}

}  // namespace emulator
