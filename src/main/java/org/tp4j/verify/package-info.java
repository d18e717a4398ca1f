/**
 * The proofs: an oracle that shares no code with any backend, error bounds, generated cases, and the laws that a split
 * must obey. Nothing in here is needed to compute a layer.
 */
package org.tp4j.verify;
