package org.tp4j.tensor;

import java.io.IOException;
import java.math.BigInteger;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The tensors that a {@code .safetensors} file says it holds, every offset checked: they fill the data without overlap or
 * hole, and each has the bytes that its shape and dtype make.
 *
 * @param dataOffset where the data starts in the file
 */
record SafetensorsHeader(Map<String, Entry> tensors, long dataOffset) {
    private static final int LENGTH_BYTES = Long.BYTES;
    private static final long LONGEST = 100_000_000;
    private static final int MOST_NAMES = 1 << 20;
    private static final Map<String, Integer> BITS = bits();

    /**
     * One tensor.
     *
     * @param begin first byte, counted from the start of the data
     * @param end the byte after the last
     */
    record Entry(String dtype, List<Long> shape, long begin, long end) {}

    /** @throws MatrixFileException if the header is not one, or lies */
    static SafetensorsHeader read(InputFile file) throws IOException {
        Path path = file.path();
        if (file.size() < LENGTH_BYTES) {
            throw new MatrixFileException(
                    path, "has " + file.size() + " bytes, fewer than the 8 of its header's length: it is cut off");
        }
        long length = file.read(0, LENGTH_BYTES).order(ByteOrder.LITTLE_ENDIAN).getLong();
        if (length < 0 || length > LONGEST) {
            throw new MatrixFileException(
                    path,
                    "says that its header has " + Long.toUnsignedString(length)
                            + " bytes: it must be a .safetensors file with at most " + LONGEST);
        }
        long follow = file.size() - LENGTH_BYTES;
        if (length > follow) {
            throw new MatrixFileException(
                    path,
                    "says that its header has " + length + " bytes, but only " + follow + " follow: it is cut off");
        }
        if (length == 0 || file.read(LENGTH_BYTES, 1).get() != '{') {
            throw new MatrixFileException(
                    path, "has a header that does not start with '{': it must be a .safetensors file");
        }
        Map<String, Entry> tensors;
        try (StrictJson json = new StrictJson(path, "header", file.stream(LENGTH_BYTES, length))) {
            tensors = tensors(json);
        }
        checkLayout(path, tensors, follow - length);
        return new SafetensorsHeader(tensors, LENGTH_BYTES + length);
    }

    private static Map<String, Entry> tensors(StrictJson json) throws IOException {
        Map<String, Entry> tensors = new LinkedHashMap<>();
        Map<String, String> dtypes = new HashMap<>(); // one string for each dtype, not for each tensor
        boolean metadata = false;
        json.beginObject("the header");
        while (json.nextName()) {
            String name = json.name();
            boolean twice;
            if (name.equals("__metadata__")) {
                twice = metadata;
                metadata = true;
                checkMetadata(json);
            } else {
                twice = tensors.put(name, entry(json, name, dtypes)) != null;
            }
            if (twice) {
                throw json.refuse("has " + MatrixFileException.quote(name) + " twice");
            }
            checkCount(json, tensors.size());
        }
        json.end();
        return tensors;
    }

    private static void checkMetadata(StrictJson json) throws IOException {
        Set<String> names = new HashSet<>();
        json.beginObject("__metadata__");
        while (json.nextName()) {
            if (!names.add(json.name())) {
                throw json.refuse("has " + MatrixFileException.quote(json.name()) + " twice in __metadata__");
            }
            checkCount(json, names.size());
            json.string("a value of __metadata__");
        }
    }

    private static void checkCount(StrictJson json, int count) throws MatrixFileException {
        if (count > MOST_NAMES) {
            throw json.refuse("has more than " + MOST_NAMES + " names");
        }
    }

    private static Entry entry(StrictJson json, String name, Map<String, String> dtypes) throws IOException {
        String quoted = MatrixFileException.quote(name);
        Map<String, List<Long>> lists = new HashMap<>();
        String dtype = "";
        json.beginObject("tensor " + quoted);
        while (json.nextName()) {
            String key = json.name();
            boolean twice;
            switch (key) {
                case "dtype" -> {
                    twice = !dtype.isEmpty();
                    String label = json.string("the dtype of " + quoted);
                    dtype = dtypes.computeIfAbsent(label, same -> same);
                }
                case "shape", "data_offsets" ->
                    twice = lists.put(key, json.sizes("the " + key + " of " + quoted)) != null;
                default -> throw json.refuse("has the unknown key " + MatrixFileException.quote(key) + " in " + quoted);
            }
            if (twice) {
                throw json.refuse("has " + MatrixFileException.quote(key) + " twice in " + quoted);
            }
        }
        List<Long> offsets = lists.getOrDefault("data_offsets", List.of());
        if (dtype.isEmpty() || !lists.containsKey("shape") || offsets.size() != 2) {
            throw json.refuse("has no dtype, no shape or not two data_offsets for " + quoted);
        }
        return new Entry(dtype, List.copyOf(lists.get("shape")), offsets.get(0), offsets.get(1));
    }

    private static void checkLayout(Path file, Map<String, Entry> tensors, long dataBytes) throws MatrixFileException {
        List<Map.Entry<String, Entry>> inOrder = new ArrayList<>(tensors.entrySet());
        inOrder.sort(Map.Entry.comparingByValue(
                Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end)));
        long filled = 0;
        for (Map.Entry<String, Entry> tensor : inOrder) {
            checkEntry(file, tensor.getKey(), tensor.getValue(), dataBytes);
            if (tensor.getValue().begin() != filled) {
                throw new MatrixFileException(
                        file,
                        said(tensor.getKey(), tensor.getValue())
                                + ", but the one before it ends at " + filled + ": tensors must not "
                                + (tensor.getValue().begin() < filled ? "overlap" : "leave a hole"));
            }
            filled = tensor.getValue().end();
        }
        if (filled != dataBytes) {
            throw new MatrixFileException(
                    file,
                    "has " + dataBytes + " bytes of data, but its tensors end at " + filled
                            + ": it is too long, write it again");
        }
    }

    private static void checkEntry(Path file, String name, Entry entry, long dataBytes) throws MatrixFileException {
        if (entry.begin() > entry.end()) {
            throw new MatrixFileException(file, said(name, entry) + ": the end must not lie before the beginning");
        }
        if (entry.end() > dataBytes) {
            throw new MatrixFileException(
                    file, said(name, entry) + ", but has only " + dataBytes + " bytes of data: it is cut off, or lies");
        }
        Integer bits = BITS.get(entry.dtype());
        if (bits != null) {
            if (!Tensor.fits(entry.shape(), bits / Byte.SIZE)) {
                throw new MatrixFileException(
                        file,
                        "says that " + MatrixFileException.quote(name) + " holds " + Tensor.shape(entry.shape())
                                + " elements of " + entry.dtype()
                                + ", more than 2^63 bytes: its header must tell its size");
            }
            BigInteger wanted = BigInteger.valueOf(bits);
            for (long dimension : entry.shape()) {
                wanted = wanted.multiply(BigInteger.valueOf(dimension));
            }
            BigInteger found = BigInteger.valueOf(entry.end() - entry.begin());
            if (!wanted.equals(found.shiftLeft(3))) {
                throw new MatrixFileException(
                        file,
                        said(name, entry) + ", which are " + found + " bytes, but " + Tensor.shape(entry.shape())
                                + " elements of " + entry.dtype() + " have " + wanted.shiftRight(3)
                                + ": shape and offsets must agree");
            }
        }
    }

    private static String said(String name, Entry entry) {
        return "says that " + MatrixFileException.quote(name) + " lies at bytes " + entry.begin() + " to "
                + entry.end();
    }

    private static Map<String, Integer> bits() {
        Map<String, Integer> bits = new HashMap<>();
        List.of("F64", "I64", "U64", "C64").forEach(dtype -> bits.put(dtype, 64));
        List.of("F32", "I32", "U32").forEach(dtype -> bits.put(dtype, 32));
        List.of("F16", "BF16", "I16", "U16").forEach(dtype -> bits.put(dtype, 16));
        List.of("BOOL", "I8", "U8", "F8_E4M3", "F8_E5M2", "F8_E8M0").forEach(dtype -> bits.put(dtype, 8));
        return Map.copyOf(bits);
    }
}
