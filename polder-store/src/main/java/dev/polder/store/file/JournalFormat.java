package dev.polder.store.file;

import static dev.polder.store.file.PageImage.I32;
import static dev.polder.store.file.PageImage.I64;

import java.lang.foreign.MemorySegment;

/// The journal's blocks of 4 KiB.
///
/// A commit group is one or more *descriptors*, each followed by the page images that it lists, and
/// a *commit block* that closes the group:
/// ```
/// D(n) image × n   D(m) image × m   …   C
///
/// descriptor:  0 crc32c of 4…    4 kind   8 store   16 epoch   24 group   32 entries
///             40 + 12·i: page number, crc32c of the image (the one that the image carries)
/// commit:      0 crc32c of 4…    4 kind   8 store   16 epoch   24 group   32 images of the group
///             36 crc32c over the descriptors' checksums, in order   40 the store's state
/// ```
/// One sync covers them all: nothing has to be ordered before anything, since a group counts only
/// when every checksum fits, and the commit block's covers the descriptors, theirs the images.
public final class JournalFormat {
    /// Kind of a descriptor.
    public static final int DESCRIPTOR = 0x44_45_53_43;
    /// Kind of a commit block.
    public static final int COMMIT = 0x43_4f_4d_54;
    /// Bytes in a block.
    public static final int BLOCK = PageImage.SIZE;
    /// Images that one descriptor can list: what fits behind its 40 bytes of header.
    public static final int ENTRIES = (BLOCK - 40) / 12;

    private JournalFormat() {}

    /// Blocks that a group of `images` pages takes.
    public static long blocks(long images) {
        return (images + ENTRIES - 1) / ENTRIES + images + 1;
    }

    /// Which store, opening and group a block is of.
    ///
    /// @param store the store's random number
    /// @param epoch the opening
    /// @param group the commit group
    public record Stamp(long store, long epoch, long group) {}

    /// Begins a block: all zero but for its stamp.
    public static void begin(MemorySegment block, int kind, Stamp s) {
        block.asSlice(0, BLOCK).fill((byte) 0);
        block.set(I32, 4, kind);
        block.set(I64, 8, s.store());
        block.set(I64, 16, s.epoch());
        block.set(I64, 24, s.group());
    }

    /// Lists an image as number `i` of a descriptor.
    public static void entry(MemorySegment block, int i, long page, int crc) {
        assert i >= 0 && i < ENTRIES : i;
        block.set(I64, 40 + 12L * i, page);
        block.set(I32, 48 + 12L * i, crc);
        block.set(I32, 32, i + 1);
    }

    /// Puts in the checksum.
    ///
    /// @return the checksum
    public static int seal(MemorySegment block) {
        int crc = PageImage.crc32c(block, 4, BLOCK - 4L);
        block.set(I32, 0, crc);
        return crc;
    }

    /// True if the block is whole, of that kind and stamp.
    public static boolean fits(MemorySegment block, int kind, Stamp s) {
        return block.get(I32, 4) == kind && block.get(I64, 8) == s.store()
                && block.get(I64, 16) == s.epoch() && block.get(I64, 24) == s.group()
                && block.get(I32, 0) == PageImage.crc32c(block, 4, BLOCK - 4L);
    }

    /// Entries of a descriptor.
    public static int entries(MemorySegment block) {
        return block.get(I32, 32);
    }

    /// Page number of entry `i`.
    public static long entryPage(MemorySegment block, int i) {
        return block.get(I64, 40 + 12L * i);
    }

    /// Checksum of entry `i`.
    public static int entryCrc(MemorySegment block, int i) {
        return block.get(I32, 48 + 12L * i);
    }

    /// Fills a commit block.
    public static void commit(MemorySegment block, long images, int descriptorsCrc, StoreMeta m) {
        block.set(I32, 32, Math.toIntExact(images));
        block.set(I32, 36, descriptorsCrc);
        m.write(block, 40);
    }

    /// True if a commit block closes a group of `images` images with these descriptors.
    public static boolean commits(MemorySegment block, long images, int descriptorsCrc) {
        return block.get(I32, 32) == images && block.get(I32, 36) == descriptorsCrc;
    }

    /// The state in a commit block.
    public static StoreMeta meta(MemorySegment block) {
        return StoreMeta.read(block, 40);
    }

    /// Folds one more descriptor's checksum into that of all.
    public static int fold(int descriptorsCrc, int crc) {
        return (Integer.rotateLeft(descriptorsCrc, 5) ^ crc) * 0x9e3779b1;
    }
}
