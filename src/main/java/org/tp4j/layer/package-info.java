/**
 * The layers of a tensor-parallel network: each rank holds a shard and computes on it alone. Their types say what a layer
 * takes and gives; the communication between them is the caller's.
 */
package org.tp4j.layer;
