package org.tp4j.device.cuda.library;

/**
 * The name by which programs ask the system's loader for a library.
 *
 * @param name {@code libcublas.so.12}, say
 * @param isVersion whether the library must also define symbols of a version of that name, because programs ask for those;
 *     the loader ends a process where a library without any versions is asked for one
 */
public record Soname(String name, boolean isVersion) {
    @Override
    public String toString() {
        return name;
    }
}
