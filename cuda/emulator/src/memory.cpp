#include "memory.h"

#include "error.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

namespace emulator {
namespace {

constexpr std::uint64_t page = 4096;
// A driver aligns to 256 bytes at least; the emulator to no more, so that a program that needs more is found.
constexpr std::uint64_t alignment = 256;
constexpr int poisonByte = 0xFF;
// From this many pages on an allocation is followed by a guard page. Smaller ones are too many for a mapping each.
constexpr std::uint64_t guarded = 16;

std::uint64_t roundUp(std::uint64_t value, std::uint64_t multiple) {
    return (value + multiple - 1) / multiple * multiple;
}

void* pointer(Address address) {
    return reinterpret_cast<void*>(address);
}

std::uint64_t pagesFor(std::uint64_t bytes) {
    return roundUp(bytes, page) / page;
}

}  // namespace

std::string Allocation::describe() const {
    std::ostringstream text;
    text << (registered           ? "registered host memory"
             : owner == hostOwner ? "pinned memory"
                                  : "device memory")
         << " #" << number << " (" << bytes << " bytes at 0x" << std::hex << begin;
    if (owner != hostOwner) {
        text << std::dec << " on device " << owner;
    }
    text << ")";
    return text.str();
}

Poison::Poison() : file(memfd_create("emulator-poison", MFD_CLOEXEC)) {
    const std::vector<unsigned char> bytes(size, poisonByte);
    const bool written = file >= 0 && write(file, bytes.data(), size) == static_cast<ssize_t>(size);
    require(written, CUDA_ERROR_OUT_OF_MEMORY);
}

Poison::~Poison() {
    close(file);
}

// An address always shows the same place of the file, so that neighbors join: the kernel allows 65530 mappings in all.
void Poison::map(Address first, std::uint64_t bytes) const {
    for (std::uint64_t done = 0; done < bytes;) {
        const std::uint64_t offset = (first + done) % size;
        const std::uint64_t part = std::min(size - offset, bytes - done);
        const void* mapped = mmap(pointer(first + done), part, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, file, static_cast<off_t>(offset));
        require(mapped != MAP_FAILED, CUDA_ERROR_OUT_OF_MEMORY);
        done += part;
    }
}

Arena::Arena() {
    void* reserved = mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    require(reserved != MAP_FAILED, CUDA_ERROR_OUT_OF_MEMORY);
    base = reinterpret_cast<Address>(reserved);
    next = base + page;
}

Arena::~Arena() {
    munmap(pointer(base), size);
}

Address Arena::take(std::uint64_t pages, const Poison& poison) {
    const std::uint64_t bytes = (pages + (pages >= guarded ? 1 : 0)) * page;
    bool wrapped = false;
    for (;;) {
        if (next + bytes > base + size) {
            require(!wrapped, CUDA_ERROR_OUT_OF_MEMORY);
            wrapped = true;
            next = base + page;
            continue;
        }
        auto after = taken.lower_bound(next);
        if (after != taken.begin() && std::prev(after)->first + std::prev(after)->second > next) {
            --after;
        }
        if (after == taken.end() || after->first >= next + bytes) {
            break;
        }
        next = after->first + after->second;
    }
    poison.map(next, pages * page);
    taken.emplace(next, bytes);
    const Address first = next;
    next += bytes;
    return first;
}

void Arena::giveBack(Address first, std::uint64_t pages) {
    // Mapped anew, not protected: only so does the kernel join it with its neighbors.
    mmap(pointer(first), pages * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    taken.erase(first);
}

Memory::Memory(int devices) : owners(static_cast<std::size_t>(devices) + 1) {}

Allocation& Memory::allocate(int owner, std::uint64_t bytes) {
    const std::uint64_t pages = pagesFor(bytes);
    const Address first = owned(owner).arena.take(pages, poison);
    const Address end = first + pages * page;
    const Address begin = end - roundUp(bytes, alignment);
    forgetFreed(first, end);
    owned(owner).bytes += bytes;
    owned(owner).count++;
    return allocations[begin] = Allocation{begin, bytes, owner, ++lastNumber, true, false};
}

void Memory::free(Allocation& allocation) {
    const std::uint64_t pages = pagesFor(allocation.bytes);
    const Address end = allocation.begin + roundUp(allocation.bytes, alignment);
    owned(allocation.owner).arena.giveBack(end - pages * page, pages);
    owned(allocation.owner).bytes -= allocation.bytes;
    owned(allocation.owner).count--;
    allocation.live = false;
}

Allocation& Memory::registerHost(Address begin, std::uint64_t bytes) {
    forgetFreed(begin, begin + bytes);
    owned(hostOwner).count++;
    owned(hostOwner).bytes += bytes;
    return allocations[begin] = Allocation{begin, bytes, hostOwner, ++lastNumber, true, true};
}

void Memory::unregisterHost(Allocation& allocation) {
    owned(hostOwner).count--;
    owned(hostOwner).bytes -= allocation.bytes;
    allocation.live = false;
}

Allocation* Memory::find(Address address) {
    auto after = allocations.upper_bound(address);
    if (after == allocations.begin()) {
        return nullptr;
    }
    Allocation& candidate = std::prev(after)->second;
    return address < candidate.end() ? &candidate : nullptr;
}

std::string Memory::complaint(Address begin, std::uint64_t bytes) {
    const Allocation* allocation = find(begin);
    if (allocation != nullptr && allocation->live && begin + bytes <= allocation->end()) {
        return "";
    }
    std::ostringstream text;
    text << bytes << " bytes at 0x" << std::hex << begin << std::dec;
    if (allocation == nullptr) {
        auto after = allocations.upper_bound(begin);
        text << ", which no allocation holds";
        if (after != allocations.begin()) {
            const Allocation& before = std::prev(after)->second;
            text << ": " << begin - before.end() << " bytes past the end of " << before.describe();
        }
    } else if (!allocation->live) {
        text << ", which were freed: " << allocation->describe();
    } else {
        text << ", which reach " << begin + bytes - allocation->end() << " bytes past the end of "
             << allocation->describe();
    }
    return text.str();
}

bool Memory::inArena(Address address) const {
    return std::any_of(owners.begin(), owners.end(), [&](const Owned& each) { return each.arena.holds(address); });
}

void Memory::forgetFreed(Address begin, Address end) {
    auto each = allocations.lower_bound(begin);
    if (each != allocations.begin() && std::prev(each)->second.end() > begin) {
        --each;
    }
    while (each != allocations.end() && each->first < end) {
        each = allocations.erase(each);
    }
}

}  // namespace emulator
