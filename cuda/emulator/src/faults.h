// Faults that a test asks for.
#pragma once

#include "error.h"

#include <map>
#include <string>
#include <vector>

namespace emulator {

/** Thrown inside a driver call that shall answer success and do nothing. */
struct Dropped {};

/**
 * Calls that shall fail or be dropped, by name and occurrence. A name is a driver call's without `_v2`, or `kernel` or
 * `copy` for what fails only when the device comes to it. With `@D` only calls on device D count.
 */
class Faults {
public:
    /** `NAME[@DEVICE]:OCCURRENCE[+]:CODE[:sticky]`: the first call from now on is occurrence 1; with `+` all later ones
     * fail too. */
    void plan(const std::string& text);

    /** `NAME[@DEVICE]:OCCURRENCE`. */
    void planDrop(const std::string& text);

    void clear() { planned.clear(); }

    /** What a call of this name on this device (-1 for none) comes to: nothing, a DriverError, a DeviceFault or
     * Dropped. */
    void strike(const std::string& name, int device);

    /** How often a call of this name was made since the emulator started. */
    long calls(const std::string& name) const;

private:
    struct Plan {
        std::string name;
        int device;
        long remaining;
        bool lasting;
        CUresult code;
        bool sticky;
        bool drop;
    };
    static Plan parse(const std::string& text, bool drop);

    std::vector<Plan> planned;
    std::map<std::string, long> counted;
};

}  // namespace emulator
