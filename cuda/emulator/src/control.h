// How a test steers the emulator from within its process, in C.
#pragma once

#include <cstdint>

extern "C" {

/** `key=value`, as Settings and Faults read it. Null, or what is wrong with it, good until this thread's next call. */
const char* emulatorConfigure(const char* setting);

/**
 * Asks before every call that orders (records, waits, synchronizations and queries of streams, events and contexts) by
 * its name without `_v2`: it is dropped, answering success, unless the answer is 0. Null asks nobody.
 */
void emulatorDropWhere(int (*drops)(const char* call));

/**
 * Where the kernels' sources call what lets threads wait for each other, a line each: `FILE:LINE FUNCTION REACHED`, how
 * often threads came to it. Good until this thread's next call.
 */
const char* emulatorSites();

/**
 * The calling thread's order with other threads of the program, which only the program knows: what it released under a
 * key, whoever acquires the key knows from then on. Keys are an object of the program, by a number, and a part of it.
 * Nothing happens where all threads share what they know.
 */
void emulatorRelease(std::int64_t object, std::int32_t part);
void emulatorAcquire(std::int64_t object, std::int32_t part);

/** The object is gone: what was released under its keys is dropped. */
void emulatorForget(std::int64_t object);

/** How many there are of something that Emulator::count knows, or -1. */
long emulatorCount(const char* what);

/** All findings so far, one a line, which are then forgotten; good until this thread's next call. */
const char* emulatorTakeReports();
}
