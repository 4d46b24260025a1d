package dev.polder.store.btree;

import static dev.polder.store.file.PageImage.BODY;
import static dev.polder.store.file.PageImage.I32;
import static dev.polder.store.file.PageImage.I64;
import static dev.polder.store.file.PageImage.SIZE;
import static dev.polder.store.file.PageImage.U16;

import dev.polder.store.file.PageImage;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/// A node of the tree in its page: slots in key order grow up from [PageImage#BODY], cells grow
/// down from the end.
///
/// ```
/// leaf cell    u16 key length   i32 value length, top bit: in a run   key   value | start, run
/// inner cell   u16 key length   i64 child (keys >= this one)          key
/// ```
/// All methods work on offset `at` of `m`, so that a search makes no object.
final class NodePage {
    /// Bytes for slots and cells.
    static final int USABLE = SIZE - BODY;
    /// Head of a leaf cell, before the key.
    static final int LEAF_HEAD = 6;
    /// Head of an inner cell, before the key.
    static final int INNER_HEAD = 10;
    /// Top bit of a value's length: the value is in a run.
    static final int IN_RUN = 0x8000_0000;
    private static final int SLOT = 2;

    private NodePage() {}

    static int count(MemorySegment m, long at) {
        return m.get(U16, at + 6) & 0xffff;
    }

    static int level(MemorySegment m, long at) {
        return m.get(ValueLayout.JAVA_BYTE, at + 5);
    }

    static boolean leaf(MemorySegment m, long at) {
        return m.get(ValueLayout.JAVA_BYTE, at + 4) == PageImage.LEAF;
    }

    private static int head(MemorySegment m, long at) {
        return leaf(m, at) ? LEAF_HEAD : INNER_HEAD;
    }

    private static int cellsBegin(MemorySegment m, long at) {
        return m.get(U16, at + 24) & 0xffff;
    }

    private static int garbage(MemorySegment m, long at) {
        return m.get(U16, at + 26) & 0xffff;
    }

    /// Bytes that slots and cells take.
    static int used(MemorySegment m, long at) {
        return SLOT * count(m, at) + SIZE - cellsBegin(m, at) - garbage(m, at);
    }

    /// Offset of cell `i` in `m`.
    static long cell(MemorySegment m, long at, int i) {
        return at + (m.get(U16, at + BODY + (long) SLOT * i) & 0xffff);
    }

    static int keyLength(MemorySegment m, long cell) {
        return m.get(U16, cell) & 0xffff;
    }

    static long keyAt(MemorySegment m, long at, long cell) {
        return cell + head(m, at);
    }

    private static int cellBytes(MemorySegment m, long at, long cell) {
        int key = keyLength(m, cell);
        if (!leaf(m, at)) {
            return INNER_HEAD + key;
        }
        int length = m.get(I32, cell + 2);
        return LEAF_HEAD + key + (length < 0 ? ValueRef.BYTES : length);
    }

    /// Copy of cell `i`.
    static byte[] copy(MemorySegment m, long at, int i) {
        long cell = cell(m, at, i);
        return m.asSlice(cell, cellBytes(m, at, cell)).toArray(ValueLayout.JAVA_BYTE);
    }

    /// Copy of the key of cell `i`.
    static byte[] key(MemorySegment m, long at, int i) {
        long cell = cell(m, at, i);
        return m.asSlice(keyAt(m, at, cell), keyLength(m, cell)).toArray(ValueLayout.JAVA_BYTE);
    }

    /// Child `i`, 0…count, of an inner node.
    static long child(MemorySegment m, long at, int i) {
        return i == 0 ? m.get(I64, at + 32) : m.get(I64, cell(m, at, i - 1) + 2);
    }

    static void leftmost(MemorySegment m, long at, long child) {
        m.set(I64, at + 32, child);
    }

    /// Looks for a key among cells `low`…`high` - 1.
    ///
    /// @return its cell, or -1 - the cell before which it belongs
    static int search(MemorySegment m, long at, Key key, int low, int high) {
        int head = head(m, at);
        int lo = low;
        int hi = high - 1;
        while (lo <= hi) {
            int mid = (lo + hi) >>> 1;
            long cell = cell(m, at, mid);
            int c = key.compareTo(m, cell + head, keyLength(m, cell));
            if (c == 0) {
                return mid;
            }
            if (c < 0) {
                lo = mid + 1;
            } else {
                hi = mid - 1;
            }
        }
        return -1 - lo;
    }

    static int search(MemorySegment m, long at, Key key) {
        return search(m, at, key, 0, count(m, at));
    }

    /// Which child of an inner node has the key, from what [#search] found.
    static int childIndex(int found) {
        return found >= 0 ? found + 1 : -1 - found;
    }

    /// Puts a cell before cell `i`.
    ///
    /// @return false if there is no room; nothing changed then
    static boolean insert(MemorySegment m, long at, int i, byte[] bytes) {
        int n = count(m, at);
        if (used(m, at) + SLOT + bytes.length > USABLE) {
            return false;
        }
        if (cellsBegin(m, at) - bytes.length < BODY + SLOT * (n + 1)) {
            rebuild(m, at, cells(m, at));
        }
        int begin = cellsBegin(m, at) - bytes.length;
        MemorySegment.copy(bytes, 0, m, ValueLayout.JAVA_BYTE, at + begin, bytes.length);
        long slot = at + BODY + (long) SLOT * i;
        MemorySegment.copy(m, slot, m, slot + SLOT, (long) SLOT * (n - i));
        m.set(U16, slot, (short) begin);
        m.set(U16, at + 24, (short) begin);
        m.set(U16, at + 6, (short) (n + 1));
        return true;
    }

    /// Takes cell `i` out.
    static void remove(MemorySegment m, long at, int i) {
        int n = count(m, at);
        assert i >= 0 && i < n : i;
        int bytes = cellBytes(m, at, cell(m, at, i));
        long slot = at + BODY + (long) SLOT * i;
        MemorySegment.copy(m, slot + SLOT, m, slot, (long) SLOT * (n - i - 1));
        m.set(U16, at + 26, (short) (garbage(m, at) + bytes));
        m.set(U16, at + 6, (short) (n - 1));
    }

    /// Copies of all cells, in order.
    static List<byte[]> cells(MemorySegment m, long at) {
        int n = count(m, at);
        List<byte[]> all = new ArrayList<>(n + 1);
        for (int i = 0; i < n; i++) {
            all.add(copy(m, at, i));
        }
        return all;
    }

    /// Writes the node anew with these cells; they fit.
    static void rebuild(MemorySegment m, long at, List<byte[]> cells) {
        int begin = SIZE;
        int i = 0;
        for (byte[] c : cells) {
            begin -= c.length;
            MemorySegment.copy(c, 0, m, ValueLayout.JAVA_BYTE, at + begin, c.length);
            m.set(U16, at + BODY + (long) SLOT * i++, (short) begin);
        }
        assert begin >= BODY + SLOT * i : "cells do not fit: " + begin;
        m.set(U16, at + 24, (short) begin);
        m.set(U16, at + 26, (short) 0);
        m.set(U16, at + 6, (short) i);
    }

    /// Bytes that a cell takes with its slot.
    static int weight(byte[] cell) {
        return cell.length + SLOT;
    }
}
