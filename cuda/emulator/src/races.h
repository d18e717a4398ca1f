// The happens-before check: two operations that touch the same bytes, one of them writing, must be ordered.
#pragma once

#include "accesses.h"
#include "timeline.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace emulator {

/**
 * Who last touched each byte. An operation that has run is compared with those that ran before it by its clock, so a
 * missing wait shows even if the schedule hid it.
 */
class Races {
public:
    /** Enters an operation's accesses: the first race of it, or nothing. */
    std::optional<std::string> enter(const Operation& operation, Accesses& accesses);

    /** An access of the bytes that the clock does not know of, or nothing. */
    std::optional<std::string> unknownTo(const Clock& clock, Address begin, Address end) const;

    /** Forgets the bytes: what is allocated there next has no past. */
    void forget(Address begin, Address end);

private:
    struct Access {
        std::size_t lane;
        std::uint64_t sequence;
        std::shared_ptr<const std::string> name;
    };
    struct Segment {
        Address end;
        std::optional<Access> write;
        std::vector<Access> reads;
    };
    using Segments = std::map<Address, Segment>;

    void read(const Access& access, const Clock& clock, const Range& range);
    void write(const Access& access, const Clock& clock, const Range& range);
    void splitAt(Address address);
    void compare(const Access& access, const char* verb, const Access& earlier, const char* earlierVerb,
                 const Clock& clock, Address begin, Address end);
    static void addRead(Segment& segment, const Access& access);

    Segments segments;
    std::optional<std::string> found;
};

}  // namespace emulator
