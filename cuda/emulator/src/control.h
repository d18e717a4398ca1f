// How a test steers the emulator from within its process, in C.
#pragma once

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

/** How many there are of something that Emulator::count knows, or -1. */
long emulatorCount(const char* what);

/** All findings so far, one a line, which are then forgotten; good until this thread's next call. */
const char* emulatorTakeReports();
}
