/**
 * How an activation lies over the ranks, as types: {@link org.tp4j.placement.Replicated}, {@link
 * org.tp4j.placement.FeatureSharded}, {@link org.tp4j.placement.TokenSharded}, {@link org.tp4j.placement.Partial}. These
 * are values of one rank; they know no communicator.
 */
package org.tp4j.placement;
