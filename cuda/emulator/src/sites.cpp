#include "sites.h"

#include "warp.h"

#include <stdexcept>

namespace emulator {

void Sites::add(const EmulatorSite& site, const std::string& function) {
    sites[describe(site)].function = function;
}

std::optional<bool> Sites::reach(const EmulatorSite& site) {
    Site*& found = known[{site.file, site.line}];
    if (found == nullptr) {
        const auto named = sites.find(describe(site));
        if (named == sites.end()) {
            return std::nullopt;
        }
        found = &named->second;
    }
    found->reached++;
    return found->omitted;
}

void Sites::omit(const std::string& name) {
    const auto chosen = sites.find(name);
    if (chosen == sites.end() && name != "none") {
        throw std::invalid_argument("omit=" + name + ": expected none, or a FILE:LINE of a kernel that calls " +
                                    "__syncthreads, __syncwarp, a shuffle or a vote");
    }
    for (auto& [each, site] : sites) {
        site.omitted = each == name;
    }
}

std::string Sites::list() const {
    std::string lines;
    for (const auto& [name, site] : sites) {
        lines += name + " " + site.function + " " + std::to_string(site.reached) + "\n";
    }
    return lines;
}

}  // namespace emulator
