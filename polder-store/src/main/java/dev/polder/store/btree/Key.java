package dev.polder.store.btree;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// A key that is looked for: its bytes, once as an array and once as a segment, and its first eight
/// bytes as an unsigned number that compares as they do.
final class Key {
    final byte[] bytes;
    final MemorySegment segment;
    final long head;

    Key(byte[] bytes) {
        this.bytes = bytes;
        this.segment = MemorySegment.ofArray(bytes);
        this.head = head(segment, 0, bytes.length);
    }

    /// The first eight bytes of a key, padded with zeroes behind. If the heads of two keys differ,
    /// the keys differ the same way; if not, nothing is known.
    static long head(MemorySegment m, long at, int length) {
        long h = 0;
        int n = Math.min(8, length);
        for (int i = 0; i < n; i++) {
            h |= (m.get(ValueLayout.JAVA_BYTE, at + i) & 0xffL) << (56 - 8 * i);
        }
        return h;
    }

    /// Compares the key at `at` with this one, byte by byte, unsigned; the shorter is the smaller.
    int compareTo(MemorySegment m, long at, int length) {
        int n = Math.min(length, bytes.length);
        long d = MemorySegment.mismatch(m, at, at + n, segment, 0, n);
        if (d < 0) {
            return Integer.compare(length, bytes.length);
        }
        return Integer.compare(m.get(ValueLayout.JAVA_BYTE, at + d) & 0xff, bytes[(int) d] & 0xff);
    }
}
