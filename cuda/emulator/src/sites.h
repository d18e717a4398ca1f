// Where kernels' sources call what lets threads wait for each other, and which of those calls a mutant leaves out.
#pragma once

#include "../include/kernel_interface.h"

#include <map>
#include <optional>
#include <string>

namespace emulator {

/** Sites by "FILE:LINE", the file without its folder. */
class Sites {
public:
    void add(const EmulatorSite& site, const std::string& function);

    /** A kernel comes to a site: whether it is left out, or nothing if nobody added it. */
    std::optional<bool> reach(const EmulatorSite& site);

    /** From now on this site's calls do nothing; a shuffle answers the lane's own value. `none`: every call does its
     * work again. */
    void omit(const std::string& site);

    /** A line for each: site, function, and how often threads came to it; in the order of their names. */
    std::string list() const;

private:
    struct Site {
        std::string function;
        long reached = 0;
        bool omitted = false;
    };
    std::map<std::string, Site> sites;
    /** What a site's file and line were found to be; a file's name is a literal, of which there may be several. */
    std::map<std::pair<const char*, int>, Site*> known;
};

}  // namespace emulator
