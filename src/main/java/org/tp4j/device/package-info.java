/**
 * What a backend owes: devices, streams, events, device memory. {@code device.cpu} and {@code device.cuda} stand behind
 * it; nothing above this package asks which of them it has. Knows no rank and no collective.
 */
package org.tp4j.device;
