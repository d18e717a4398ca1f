package org.tp4j.device;

/** A device has no memory left for a block; the message names the device, the size and what its matrices hold. */
public final class OutOfDeviceMemoryException extends DeviceException {
    private static final long serialVersionUID = 1L;

    /** For a block of {@code bytes} bytes. */
    public OutOfDeviceMemoryException(Device device, long bytes, Throwable cause) {
        super(
                device.name() + " has no memory for a block of " + bytes + " bytes: its matrices hold "
                        + device.liveBytes() + " bytes; use smaller matrices or more ranks on other machines",
                cause);
    }
}
