package dev.polder.store.file;

import static dev.polder.store.file.PageImage.I32;
import static dev.polder.store.file.PageImage.I64;

import java.lang.foreign.MemorySegment;

/// What there is to know of a store besides its pages: the state that a commit group leaves behind.
/// It stands in the commit block of each group and in the superblock.
///
/// @param root page of the tree's root
/// @param height levels of the tree, 1 for a single leaf
/// @param pages pages of the file that the space map covers: the high-water mark
/// @param keys keys in the tree
/// @param nextRun the number that the next value run gets; never used twice
public record StoreMeta(long root, int height, long pages, long keys, long nextRun) {
    /// Bytes that [#write] fills.
    public static final int BYTES = 40;

    /// Puts the record into `block` at `at`.
    public void write(MemorySegment block, long at) {
        block.set(I64, at, root);
        block.set(I32, at + 8, height);
        block.set(I32, at + 12, 0);
        block.set(I64, at + 16, pages);
        block.set(I64, at + 24, keys);
        block.set(I64, at + 32, nextRun);
    }

    /// Reads a record.
    public static StoreMeta read(MemorySegment block, long at) {
        return new StoreMeta(block.get(I64, at), block.get(I32, at + 8), block.get(I64, at + 16),
                block.get(I64, at + 24), block.get(I64, at + 32));
    }
}
