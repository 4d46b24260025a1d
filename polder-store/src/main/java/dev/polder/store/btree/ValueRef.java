package dev.polder.store.btree;

import static dev.polder.store.file.PageImage.I32;
import static dev.polder.store.file.PageImage.I64;
import static dev.polder.store.file.PageImage.U16;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Where a value is that does not stand in the leaf: `pages` pages in a row from `start`.
///
/// @param start first page of the run
/// @param run the run's number, never used twice: tells it from another one at the same place
/// @param length bytes of the value
record ValueRef(long start, long run, int length) {
    /// Bytes in the cell.
    static final int BYTES = 16;

    int pages() {
        return ValueRun.pages(length);
    }

    /// The cell of a key whose value stands in a run.
    static byte[] cell(byte[] key, ValueRef ref) {
        byte[] cell = new byte[NodePage.LEAF_HEAD + key.length + BYTES];
        MemorySegment m = MemorySegment.ofArray(cell);
        head(m, key, ref.length | NodePage.IN_RUN);
        m.set(I64, NodePage.LEAF_HEAD + key.length, ref.start);
        m.set(I64, NodePage.LEAF_HEAD + key.length + 8L, ref.run);
        return cell;
    }

    /// The cell of a key with its value.
    static byte[] cell(byte[] key, MemorySegment value, long length) {
        byte[] cell = new byte[NodePage.LEAF_HEAD + key.length + (int) length];
        MemorySegment m = MemorySegment.ofArray(cell);
        head(m, key, (int) length);
        MemorySegment.copy(value, 0, m, NodePage.LEAF_HEAD + (long) key.length, length);
        return cell;
    }

    private static void head(MemorySegment m, byte[] key, int length) {
        m.set(U16, 0, (short) key.length);
        m.set(I32, 2, length);
        MemorySegment.copy(MemorySegment.ofArray(key), 0, m, NodePage.LEAF_HEAD, key.length);
    }

    /// The run that a leaf cell refers to; null if the value stands in it.
    static @Nullable ValueRef of(byte[] cell) {
        MemorySegment m = MemorySegment.ofArray(cell);
        int length = m.get(I32, 2);
        if (length >= 0) {
            return null;
        }
        long at = (long) NodePage.LEAF_HEAD + (m.get(U16, 0) & 0xffff);
        return new ValueRef(m.get(I64, at), m.get(I64, at + 8), length & ~NodePage.IN_RUN);
    }

    /// The value that stands in a leaf cell.
    static byte[] inline(byte[] cell) {
        int key = MemorySegment.ofArray(cell).get(U16, 0) & 0xffff;
        return Arrays.copyOfRange(cell, NodePage.LEAF_HEAD + key, cell.length);
    }

    /// The key of a leaf cell.
    static byte[] key(byte[] cell) {
        int key = MemorySegment.ofArray(cell).get(U16, 0) & 0xffff;
        return Arrays.copyOfRange(cell, NodePage.LEAF_HEAD, NodePage.LEAF_HEAD + key);
    }
}
