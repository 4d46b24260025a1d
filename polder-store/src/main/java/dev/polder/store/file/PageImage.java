package dev.polder.store.file;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32C;
import java.util.zip.DataFormatException;
import java.util.zip.Deflater;
import java.util.zip.Inflater;

/// A structured page (tree node or space map) as it lies in memory and on the disk: a header with a
/// checksum over all the rest.
///
/// ```
///  0  crc32c of bytes 4…4095      4  type   5  level   6  count (u16)
///  8  page number                16  commit group that last changed it
/// 24  cell area begins (u16)     26  garbage in the cell area (u16)   28  zero
/// 32  leftmost child (inner nodes)     40  the type's own
/// ```
/// On the disk a page may stand compressed: type 0x7f, its length in `count`, and the deflated
/// page from byte [#PACKED_BODY] on; the checksum then covers bytes 4…body end. Its slot keeps
/// 4 KiB either way: what is saved is the writing. Little endian, like the machines it runs on.
public final class PageImage {
    /// Bytes in a page.
    public static final int SIZE = 4096;
    /// Type of a leaf of the tree.
    public static final byte LEAF = 1;
    /// Type of an inner node of the tree.
    public static final byte INNER = 2;
    /// Type of a page of the space map.
    public static final byte SPACE = 3;
    /// Type of a compressed page; on the disk only.
    public static final byte PACKED = 0x7f;
    /// First byte after the common header.
    public static final int BODY = 40;

    /// Little-endian 16 bits.
    public static final ValueLayout.OfShort U16 =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    /// Little-endian 32 bits.
    public static final ValueLayout.OfInt I32 =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    /// Little-endian 64 bits.
    public static final ValueLayout.OfLong I64 =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private static final int PACKED_BODY = 32;
    /// A packed page is worth it only if it saves a sector; and disks write whole sectors.
    private static final int SECTOR = 512;

    private PageImage() {}

    /// The page's type.
    public static byte type(MemorySegment page) {
        return page.get(ValueLayout.JAVA_BYTE, 4);
    }

    /// The page's number.
    public static long number(MemorySegment page) {
        return page.get(I64, 8);
    }

    /// The commit group that last changed it.
    public static long group(MemorySegment page) {
        return page.get(I64, 16);
    }

    /// The stored checksum.
    public static int crc(MemorySegment page) {
        return page.get(I32, 0);
    }

    /// Writes a fresh header and zeroes the rest.
    public static void format(MemorySegment page, byte type, int level, long number) {
        page.asSlice(0, SIZE).fill((byte) 0);
        page.set(ValueLayout.JAVA_BYTE, 4, type);
        page.set(ValueLayout.JAVA_BYTE, 5, (byte) level);
        page.set(I64, 8, number);
        page.set(U16, 24, (short) SIZE);
    }

    /// Puts in the group and the checksum: the page is finished.
    public static void seal(MemorySegment page, long group) {
        page.set(I64, 16, group);
        page.set(I32, 0, crcOf(page, SIZE));
    }

    /// True if the checksum fits and the page says that it is the one asked for.
    public static boolean intact(MemorySegment page, long number) {
        return number(page) == number && crc(page) == crcOf(page, SIZE);
    }

    /// CRC32C of a range of bytes.
    public static int crc32c(MemorySegment bytes, long offset, long length) {
        CRC32C crc = new CRC32C();
        crc.update(bytes.asSlice(offset, length).asByteBuffer());
        return (int) crc.getValue();
    }

    private static int crcOf(MemorySegment page, int end) {
        return crc32c(page, 4, end - 4L);
    }

    /// Compresses a finished page.
    ///
    /// @param target receives what is to be written, at `at`; 4 KiB are free there
    /// @return bytes to write, a multiple of a sector; 4096 means that the page went in as it is
    public static int pack(Deflater deflater, MemorySegment page, MemorySegment target, long at) {
        MemorySegment out = target.asSlice(at, SIZE);
        deflater.reset();
        deflater.setInput(page.asByteBuffer());
        deflater.finish();
        int room = SIZE - SECTOR - PACKED_BODY;
        int n = deflater.deflate(out.asSlice(PACKED_BODY, room).asByteBuffer());
        if (!deflater.finished()) {
            MemorySegment.copy(page, 0, out, 0, SIZE);
            return SIZE;
        }
        int end = PACKED_BODY + n;
        int sectors = (end + SECTOR - 1) / SECTOR * SECTOR;
        out.asSlice(0, PACKED_BODY).fill((byte) 0);
        out.asSlice(end, sectors - end).fill((byte) 0);
        out.set(ValueLayout.JAVA_BYTE, 4, PACKED);
        out.set(U16, 6, (short) n);
        out.set(I64, 8, number(page));
        out.set(I64, 16, group(page));
        out.set(I32, 0, crcOf(out, end));
        return sectors;
    }

    /// Reads page `number` into `page`, expands it where it is packed, and checks it.
    ///
    /// @throws CorruptPageException if what is there is not that page
    public static void read(StoreFile file, long number, MemorySegment page) throws IOException {
        ByteBuffer bytes = page.asByteBuffer();
        int n = file.read(bytes, number * SIZE);
        if (n < SIZE) {
            page.asSlice(n, SIZE - n).fill((byte) 0);
        }
        if (type(page) == PACKED) {
            unpack(file, number, page);
        }
        if (!intact(page, number)) {
            throw new CorruptPageException(file.name(), number,
                    "its checksum or number is wrong (it says " + number(page) + ")");
        }
    }

    private static void unpack(StoreFile file, long number, MemorySegment page)
            throws CorruptPageException {
        int n = page.get(U16, 6) & 0xffff;
        if (n > SIZE - PACKED_BODY || number(page) != number
                || crc(page) != crcOf(page, PACKED_BODY + n)) {
            throw new CorruptPageException(file.name(), number, "its packed form is damaged");
        }
        byte[] packed = page.asSlice(PACKED_BODY, n).toArray(ValueLayout.JAVA_BYTE);
        try (Inflater inflater = new Inflater()) {
            inflater.setInput(packed);
            int size = inflater.inflate(page.asByteBuffer());
            if (size != SIZE) {
                throw new CorruptPageException(file.name(), number, "it expands to " + size);
            }
        } catch (DataFormatException e) {
            throw new CorruptPageException(file.name(), number, "it does not expand: "
                    + e.getMessage());
        }
    }
}
