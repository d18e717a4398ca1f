// Handles, as the program holds them, and what they stand for.
#pragma once

#include "error.h"

#include <cstdint>
#include <map>
#include <memory>

namespace emulator {

/** Things of one kind by handle. A handle is never given out twice, so a stale one is always found out. */
template <typename Thing, typename Handle>
class Table {
public:
    /** Of things that are called so. */
    explicit Table(const char* kind) : kind(kind) {}

    Handle add(Thing thing) {
        const std::uintptr_t key = ++last * spacing;
        things.emplace(key, std::make_unique<Thing>(std::move(thing)));
        return reinterpret_cast<Handle>(key);
    }

    /** @throws UnknownHandle 400 if the handle stands for nothing */
    Thing& get(Handle handle) const {
        const auto key = reinterpret_cast<std::uintptr_t>(handle);
        const auto found = things.find(key);
        if (found == things.end()) {
            refuseHandle(CUDA_ERROR_INVALID_HANDLE, kind, key);
        }
        return *found->second;
    }

    void remove(Handle handle) { things.erase(reinterpret_cast<std::uintptr_t>(handle)); }

    void clear() { things.clear(); }

    std::size_t size() const { return things.size(); }

    template <typename Visitor>
    void forEach(Visitor visit) {
        for (auto& [key, thing] : things) {
            visit(*thing);
        }
    }

private:
    static constexpr std::uintptr_t spacing = 256;
    const char* kind;
    std::uintptr_t last = 0;
    std::map<std::uintptr_t, std::unique_ptr<Thing>> things;
};

}  // namespace emulator
