/**
 * Where CUDA's shared libraries lie, whether the system's loader would take them, and where those in the jar are unpacked.
 * Knows files, not CUDA; nothing is loaded here.
 */
package org.tp4j.device.cuda.library;
