package org.tp4j.tensor;

import com.sun.jna.Native;
import com.sun.jna.Platform;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;

/**
 * Large blocks in pages of 2 MiB, where Linux gives them on request (<a
 * href="https://docs.kernel.org/admin-guide/mm/transhuge.html">transparent huge pages</a>): a product that reads a
 * weight once is bound by memory, and looking up pages of 4 KiB costs a good part of its time. NumPy asks the same for its
 * arrays.
 */
final class HugePages {
    /** Blocks below this many bytes hold too few whole huge pages to gain. */
    static final long WORTHWHILE = 4L << 20;

    private static final long PAGE = 2L << 20;
    private static final int MADV_HUGEPAGE = 14;

    private HugePages() {}

    /** Asks for huge pages wherever they fit between {@code address} and {@code address + bytes}; without them all works. */
    static void request(long address, long bytes) {
        long from = (address + PAGE - 1) & -PAGE;
        long to = (address + bytes) & -PAGE;
        if (bytes >= WORTHWHILE && from < to && LibC.FOUND) {
            int unused = LibC.madvise(from, to - from, MADV_HUGEPAGE); // a kernel without huge pages says no: so be it
        }
    }

    /** The C library, bound when it is first asked. */
    private static final class LibC {
        static final boolean FOUND = Platform.isLinux() && Platform.is64Bit() && bind();

        static native int madvise(long address, long length, int advice);

        private static boolean bind() {
            try {
                Native.register(LibC.class, Platform.C_LIBRARY_NAME);
                return true;
            } catch (LinkageError e) { // JNA's own library needs a folder to be unpacked into
                Logger log = System.getLogger(HugePages.class.getName());
                log.log(Level.DEBUG, "large matrices stay in small pages", e);
                return false;
            }
        }
    }
}
