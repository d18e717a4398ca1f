#include "races.h"

#include <algorithm>
#include <sstream>

namespace emulator {

std::optional<std::string> Races::enter(const Operation& operation, Accesses& accesses) {
    found.reset();
    const Access access{operation.lane, operation.sequence, std::make_shared<const std::string>(operation.name)};
    for (const Range& range : accesses.readRanges().joined()) {
        read(access, operation.clock, range);
    }
    for (const Range& range : accesses.writtenRanges().joined()) {
        write(access, operation.clock, range);
    }
    return found;
}

std::optional<std::string> Races::unknownTo(const Clock& clock, Address begin, Address end) const {
    auto each = segments.upper_bound(begin);
    if (each != segments.begin() && std::prev(each)->second.end > begin) {
        --each;
    }
    for (; each != segments.end() && each->first < end; ++each) {
        const Segment& segment = each->second;
        if (segment.write && !knows(clock, segment.write->lane, segment.write->sequence)) {
            return *segment.write->name;
        }
        for (const Access& read : segment.reads) {
            if (!knows(clock, read.lane, read.sequence)) {
                return *read.name;
            }
        }
    }
    return std::nullopt;
}

void Races::forget(Address begin, Address end) {
    splitAt(begin);
    splitAt(end);
    segments.erase(segments.lower_bound(begin), segments.lower_bound(end));
}

void Races::read(const Access& access, const Clock& clock, const Range& range) {
    splitAt(range.begin);
    splitAt(range.end);
    Address next = range.begin;
    auto each = segments.lower_bound(range.begin);
    while (next < range.end) {
        if (each == segments.end() || each->first > next) {
            const Address end = each == segments.end() ? range.end : std::min(range.end, each->first);
            segments.emplace_hint(each, next, Segment{end, std::nullopt, {access}});
            next = end;
            continue;
        }
        Segment& segment = each->second;
        if (segment.write) {
            compare(access, "reads", *segment.write, "writes", clock, each->first, segment.end);
        }
        addRead(segment, access);
        next = segment.end;
        ++each;
    }
}

void Races::write(const Access& access, const Clock& clock, const Range& range) {
    splitAt(range.begin);
    splitAt(range.end);
    auto each = segments.lower_bound(range.begin);
    while (each != segments.end() && each->first < range.end) {
        const Segment& segment = each->second;
        if (segment.write) {
            compare(access, "writes", *segment.write, "writes", clock, each->first, segment.end);
        }
        for (const Access& read : segment.reads) {
            compare(access, "writes", read, "reads", clock, each->first, segment.end);
        }
        each = segments.erase(each);
    }
    segments.emplace_hint(each, range.begin, Segment{range.end, access, {}});
}

void Races::splitAt(Address address) {
    auto after = segments.upper_bound(address);
    if (after == segments.begin()) {
        return;
    }
    auto holder = std::prev(after);
    if (holder->first < address && holder->second.end > address) {
        Segment tail = holder->second;
        holder->second.end = address;
        segments.emplace_hint(after, address, std::move(tail));
    }
}

void Races::compare(const Access& access, const char* verb, const Access& earlier, const char* earlierVerb,
                    const Clock& clock, Address begin, Address end) {
    if (found || knows(clock, earlier.lane, earlier.sequence)) {
        return;
    }
    std::ostringstream text;
    text << "race: " << *access.name << " " << verb << " " << end - begin << " bytes at 0x" << std::hex << begin
         << " that " << *earlier.name << " " << earlierVerb << ", and nothing orders the two";
    found = text.str();
}

void Races::addRead(Segment& segment, const Access& access) {
    for (Access& read : segment.reads) {
        if (read.lane == access.lane) {
            read = access;
            return;
        }
    }
    segment.reads.push_back(access);
}

}  // namespace emulator
