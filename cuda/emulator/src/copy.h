// Copies of every kind, as one: planes of rows of bytes from one place to another.
#pragma once

#include "emulator.h"

#include <cstddef>

namespace emulator {

/** One side of a copy. */
struct Side {
    Address begin;
    std::size_t pitch;
    /** Bytes from one plane to the next. */
    std::size_t plane;
    /** Memory of the host's that the driver never saw: no device may use it once the call has returned. */
    bool pageable = false;

    Address row(std::size_t y, std::size_t z) const { return begin + z * plane + y * pitch; }
};

/** Bytes to copy: `depth` planes of `height` rows of `width` bytes. */
struct Copy {
    Side source;
    Side destination;
    std::size_t width;
    std::size_t height = 1;
    std::size_t depth = 1;

    std::size_t bytes() const { return width * height * depth; }
    bool empty() const { return bytes() == 0; }
    std::size_t extent(const Side& side) const { return (depth - 1) * side.plane + (height - 1) * side.pitch + width; }
};

/** Which memory a copy between two devices may touch. */
enum class Route {
    /** What the stream's device reaches. */
    direct,
    /** Any device's: the driver finds a way. */
    peer,
};

/**
 * Enqueues a copy. Pageable memory is read before the call returns, and written before it returns too, as a driver
 * does.
 *
 * @throws DriverError 1 if either side is not within one live allocation, or a direct copy is out of reach
 */
void enqueueCopy(Emulator& machine, const char* call, Stream& stream, Copy copy, Route route,
                 std::vector<OperationPtr> needs = {});

/** The side that begins at a host address, found pinned or pageable. */
Side hostSide(Emulator& machine, const void* pointer, std::size_t pitch, std::size_t plane);

}  // namespace emulator
