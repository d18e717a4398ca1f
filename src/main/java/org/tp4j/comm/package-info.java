/**
 * Ranks and how they meet: a World runs one thread per rank, a Communicator moves activations between placements, a
 * Ledger records every collective. Nothing here hangs: every wait has a limit, and a failed rank releases the others.
 */
package org.tp4j.comm;
