package dev.polder.store.file;

import static dev.polder.store.file.PageImage.I32;
import static dev.polder.store.file.PageImage.I64;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// Where recovery begins: the state of the last checkpoint and the journal position behind it.
///
/// Two slots, pages 0 and 1, are written by turns (the turn is `sequence & 1`), each with a
/// checksum: a write that is torn leaves the other one, which is older and whole.
///
/// @param sequence counts the writes
/// @param store random number of this store: journal blocks of another one do not fit
/// @param epoch counts the openings: a block that a crash left behind does not fit after it
/// @param nextGroup the first commit group that is not in place
/// @param tail journal block at which that group begins, counted from the store's first block on
/// @param meta state after the group before
public record Superblock(long sequence, long store, long epoch, long nextGroup, long tail,
        StoreMeta meta) {
    private static final long MAGIC = 0x31_72_65_64_6c_6f_50L; // "Polder1"
    private static final int META = 56;
    private static final int END = META + StoreMeta.BYTES;

    /// Writes the block into its slot. Not durable before the file is forced.
    ///
    /// @param scratch a page's worth of memory
    public void write(StoreFile file, MemorySegment scratch) throws IOException {
        MemorySegment page = scratch.asSlice(0, PageImage.SIZE);
        page.fill((byte) 0);
        page.set(I64, 8, MAGIC);
        page.set(I64, 16, sequence);
        page.set(I64, 24, store);
        page.set(I64, 32, epoch);
        page.set(I64, 40, nextGroup);
        page.set(I64, 48, tail);
        meta.write(page, META);
        page.set(I32, 0, PageImage.crc32c(page, 4, END - 4L));
        file.write(page.asByteBuffer(), (sequence & 1) * PageImage.SIZE);
    }

    /// Reads the newer one of the two slots that is whole; null if neither is.
    public static @Nullable Superblock read(StoreFile file, MemorySegment scratch)
            throws IOException {
        Superblock a = slot(file, 0, scratch);
        Superblock b = slot(file, 1, scratch);
        if (a == null || b == null) {
            return a == null ? b : a;
        }
        return a.sequence > b.sequence ? a : b;
    }

    private static @Nullable Superblock slot(StoreFile file, int slot, MemorySegment scratch)
            throws IOException {
        MemorySegment page = scratch.asSlice(0, PageImage.SIZE);
        page.fill((byte) 0);
        file.read(page.asByteBuffer(), (long) slot * PageImage.SIZE);
        if (page.get(I64, 8) != MAGIC
                || page.get(I32, 0) != PageImage.crc32c(page, 4, END - 4L)) {
            return null;
        }
        return new Superblock(page.get(I64, 16), page.get(I64, 24), page.get(I64, 32),
                page.get(I64, 40), page.get(I64, 48), StoreMeta.read(page, META));
    }
}
