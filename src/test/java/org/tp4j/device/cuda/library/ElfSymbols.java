package org.tp4j.device.cuda.library;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The symbols that a shared library takes from others and gives to others, as {@code nm -D} prints them. */
public final class ElfSymbols {
    private static final int DYNAMIC_SYMBOLS = 11;
    private static final int SYMBOL_SIZE = 24;
    private static final int ABSOLUTE = 0xfff1;

    private ElfSymbols() {}

    /** Those that others must define. */
    public static List<String> undefined(Path library) throws IOException {
        return symbols(library, true);
    }

    /** Those that it defines; the names of versions are none. */
    public static List<String> defined(Path library) throws IOException {
        return symbols(library, false);
    }

    private static List<String> symbols(Path library, boolean undefined) throws IOException {
        ByteBuffer file = ByteBuffer.wrap(Files.readAllBytes(library)).order(ByteOrder.LITTLE_ENDIAN);
        int table = section(file, DYNAMIC_SYMBOLS);
        int start = (int) file.getLong(table + 24);
        int size = (int) file.getLong(table + 32);
        int strings = (int) file.getLong(header(file, file.getInt(table + 40)) + 24);
        List<String> names = new ArrayList<>();
        for (int symbol = start + SYMBOL_SIZE; symbol < start + size; symbol += SYMBOL_SIZE) {
            int section = Short.toUnsignedInt(file.getShort(symbol + 6));
            if ((section == 0) == undefined && section != ABSOLUTE) {
                names.add(text(file, strings + file.getInt(symbol)));
            }
        }
        return names;
    }

    private static int section(ByteBuffer file, int type) {
        for (int i = 0; i < file.getShort(60); i++) {
            if (file.getInt(header(file, i) + 4) == type) {
                return header(file, i);
            }
        }
        throw new AssertionError("no section of type " + type);
    }

    private static int header(ByteBuffer file, int section) {
        return (int) file.getLong(40) + section * file.getShort(58);
    }

    private static String text(ByteBuffer file, int start) {
        StringBuilder text = new StringBuilder();
        for (int at = start; file.get(at) != 0; at++) {
            text.append((char) file.get(at));
        }
        return text.toString();
    }
}
