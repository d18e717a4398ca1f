package org.tp4j.tensor;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/**
 * What an {@code .npy} file says before its data (the format is NumPy's, {@code numpy.lib.format}).
 *
 * @param dataOffset where the data starts in the file
 */
record NpyHeader(NpyType type, boolean fortranOrder, List<Long> shape, long dataOffset) {
    private static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'};
    private static final int VERSION_AT = 6;
    private static final int LENGTH_AT = 8;
    private static final int ALIGNMENT = 64;
    /** No header of one number type and 64 dimensions is longer; version 2 exists for long lists of fields. */
    private static final long LONGEST = 1 << 16;

    /**
     * The header of a file whose size is what the header makes it.
     *
     * @throws MatrixFileException if it is not a header, or lies about the size
     */
    static NpyHeader read(InputFile file) throws IOException {
        Path path = file.path();
        int major = version(file);
        int lengthBytes = major == 1 ? Short.BYTES : Integer.BYTES;
        int start = LENGTH_AT + lengthBytes;
        if (file.size() < start) {
            throw truncated(path, "has " + file.size() + " bytes, fewer than the " + start + " before the header");
        }
        ByteBuffer bytes = file.read(LENGTH_AT, lengthBytes).order(ByteOrder.LITTLE_ENDIAN);
        long length = major == 1 ? bytes.getShort() & 0xffff : bytes.getInt() & 0xffff_ffffL;
        if (length > LONGEST) {
            throw new MatrixFileException(
                    path,
                    "says that its header has " + length + " bytes: at most " + LONGEST + " are right for a matrix");
        }
        if (length > file.size() - start) {
            throw truncated(
                    path,
                    "says that its header has " + length + " bytes, but only " + (file.size() - start) + " follow");
        }
        NpyHeaderParser.Dictionary said =
                NpyHeaderParser.parse(path, text(path, major, file.read(start, (int) length)));
        NpyHeader header =
                new NpyHeader(NpyType.parse(path, said.descr()), said.fortranOrder(), said.shape(), start + length);
        header.checkSize(file);
        return header;
    }

    /** Whether the elements lie in C order. */
    boolean isRowMajor() {
        return !fortranOrder || ColumnMajor.isRowMajorToo(shape);
    }

    /** The bytes of a version 1.0 header, padded so that the data is aligned to 64 bytes. */
    static byte[] format(NpyType type, List<Long> shape) {
        String dictionary =
                "{'descr': '" + type.descr() + "', 'fortran_order': False, 'shape': " + Tensor.shape(shape) + ", }";
        int unpadded = LENGTH_AT + Short.BYTES + dictionary.length() + 1;
        int total = (unpadded + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        ByteBuffer bytes = ByteBuffer.allocate(total).order(ByteOrder.LITTLE_ENDIAN);
        bytes.put(MAGIC).put((byte) 1).put((byte) 0).putShort((short) (total - LENGTH_AT - Short.BYTES));
        bytes.put((dictionary + " ".repeat(total - unpadded) + "\n").getBytes(StandardCharsets.US_ASCII));
        return bytes.array();
    }

    private static int version(InputFile file) throws IOException {
        int known = (int) Math.min(LENGTH_AT, file.size());
        ByteBuffer start = file.read(0, known);
        for (int i = 0; i < Math.min(MAGIC.length, known); i++) {
            if (start.get(i) != MAGIC[i]) {
                throw new MatrixFileException(
                        file.path(),
                        "does not start as an .npy file (" + hex(start)
                                + " instead of 93 4e 55 4d 50 59): save it with numpy.save");
            }
        }
        if (known < LENGTH_AT) {
            throw truncated(
                    file.path(), "has " + known + " bytes, fewer than the " + LENGTH_AT + " of its magic number");
        }
        int major = start.get(VERSION_AT);
        int minor = start.get(VERSION_AT + 1);
        if (major < 1 || major > 3 || minor != 0) {
            throw new MatrixFileException(
                    file.path(),
                    "has npy version " + (major & 0xff) + "." + (minor & 0xff) + ": it must be 1.0, 2.0 or 3.0");
        }
        return major;
    }

    private static String text(Path path, int major, ByteBuffer bytes) throws MatrixFileException {
        Charset charset = major == 3 ? StandardCharsets.UTF_8 : StandardCharsets.US_ASCII;
        try {
            return charset.newDecoder().decode(bytes).toString();
        } catch (CharacterCodingException e) {
            throw new MatrixFileException(path, "has a header that is not " + charset + ": save it again", e);
        }
    }

    private void checkSize(InputFile file) throws MatrixFileException {
        String said = "says that it holds " + Tensor.shape(shape) + " elements of '" + type.descr() + "'";
        if (!Tensor.fits(shape, type.bytes())) {
            throw new MatrixFileException(file.path(), said + ", more than 2^63 bytes: its header must tell its size");
        }
        long wanted = Tensor.elements(shape) * type.bytes();
        long found = file.size() - dataOffset;
        if (found != wanted) {
            throw new MatrixFileException(
                    file.path(),
                    said + ", which are " + wanted + " bytes, but " + found + " bytes of data follow its header: it is "
                            + (found < wanted ? "cut off" : "too long") + ", save it again");
        }
    }

    private static MatrixFileException truncated(Path path, String predicate) {
        return new MatrixFileException(path, predicate + ": it is cut off, save it again");
    }

    private static String hex(ByteBuffer bytes) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < Math.min(MAGIC.length, bytes.limit()); i++) {
            text.append(i == 0 ? "" : " ").append(String.format(Locale.ROOT, "%02x", bytes.get(i)));
        }
        return text.toString();
    }
}
