// What lies between two devices, and what becomes of the bytes that go over it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace emulator {

/** What becomes of what a device does to another's memory. */
enum class Fate {
    /** It happens. */
    arrives,
    /** It happens, with wrong bytes. */
    garbled,
    /** It never ends. */
    hangs,
    /** It kills the device that does it. */
    faults,
};

/** The way from one device to another's memory, once access is enabled. */
struct Link {
    /** Whether the driver says that there is one. */
    bool reaches = true;
    /** Of a kernel on the one that reads or writes the other's memory. */
    Fate kernels = Fate::arrives;
    /** Of a copy from the one's memory to the other's. */
    Fate copies = Fate::arrives;
    /** No more bytes than these arrive whatever becomes of a copy. */
    std::uint64_t harmless = 0;
    /** Whether the driver says that atomic operations work across it, as over NVLink alone they do. */
    bool atomics = false;

    Fate copy(std::uint64_t bytes) const { return bytes > harmless ? copies : Fate::arrives; }
};

/** The links of all ordered pairs of devices. */
class Links {
public:
    /**
     * Items separated by `;`, of which a later one overrides an earlier: `RULE[@PAIR][:BYTES]`. A RULE is `all`,
     * `none`, `broken-copies`, `broken-kernels`, `broken` (both), `hang`, `fault` or `nvlink`; a PAIR is `A>B`, what
     * device A does to memory of B, or `A-B`, both ways, or every pair if there is none; of copies only those of more
     * than BYTES break.
     *
     * @throws std::invalid_argument naming what is wrong
     */
    static Links parse(const std::string& text);

    Link between(int from, int to) const;

private:
    struct Item {
        std::string rule;
        /** Its pair's ends; or none, for every pair. */
        std::optional<std::pair<int, int>> ends;
        bool bothWays;
        std::uint64_t harmless;

        bool names(int from, int to) const;
        void applyTo(Link& link) const;
    };
    static Item item(const std::string& text);

    std::vector<Item> items;
};

}  // namespace emulator
