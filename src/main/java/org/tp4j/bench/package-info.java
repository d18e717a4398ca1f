/**
 * Measurements beside a peer: both sides take turns in one run, and what is told is the ratio of their medians with its
 * confidence interval. Knows devices and ranks; nothing below knows it.
 */
package org.tp4j.bench;
