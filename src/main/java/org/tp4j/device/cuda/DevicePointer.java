package org.tp4j.device.cuda;

import jcuda.driver.CUdeviceptr;

/** An address in a device's memory that also shows its number, for the parameters of kernels. */
final class DevicePointer extends CUdeviceptr {
    /** Null, until the driver fills it. */
    DevicePointer() {
        // nothing more
    }

    private DevicePointer(DevicePointer base, long bytes) {
        super(base, bytes);
    }

    /** The address {@code bytes} bytes further on. */
    DevicePointer plus(long bytes) {
        return new DevicePointer(this, bytes);
    }

    /** The address as a number. */
    long address() {
        return getNativePointer() + getByteOffset();
    }
}
