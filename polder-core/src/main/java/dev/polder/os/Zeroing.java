package dev.polder.os;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// Writes zeroes, by the cheapest means for each size.
final class Zeroing {
    /*
     * Notes. Up to 128 bytes a loop of stores; up to 8 KiB a copy from a page of zeroes, which the
     * JVM's copy stub does at three times the speed of its fill stub; above that the C library's
     * memset, twice as fast as either, in pieces short enough not to hold up a safepoint.
     */

    /// Up to here stores beat the call of a stub.
    private static final long STORES_BYTES = 128;
    /// Up to here the copy beats the downcall; also the length of the page of zeroes.
    private static final long COPY_BYTES = 8192;
    /// The longest critical call: about 10 µs from cache, 40 µs from memory.
    private static final long CHUNK_BYTES = 1L << 20;

    private static final MemorySegment ZEROES =
            Arena.global().allocate(COPY_BYTES, Long.BYTES).asReadOnly();

    private Zeroing() {}

    /// Zeroes `bytes` bytes of `s` from `offset`.
    ///
    /// @param memset whether the C library's memset may be used: Linux only
    static void zero(MemorySegment s, long offset, long bytes, boolean memset) {
        if (bytes <= STORES_BYTES) {
            store(s, offset, bytes);
        } else if (bytes <= COPY_BYTES) {
            MemorySegment.copy(ZEROES, 0, s, offset, bytes);
        } else {
            for (long done = 0; done < bytes; done += CHUNK_BYTES) {
                long n = Math.min(CHUNK_BYTES, bytes - done);
                if (memset) {
                    Libc.zero(s.asSlice(offset + done, n));
                } else {
                    s.asSlice(offset + done, n).fill((byte) 0);
                }
            }
        }
    }

    private static void store(MemorySegment s, long offset, long bytes) {
        long i = 0;
        for (; i + Long.BYTES <= bytes; i += Long.BYTES) {
            s.set(ValueLayout.JAVA_LONG_UNALIGNED, offset + i, 0L);
        }
        for (; i < bytes; i++) {
            s.set(ValueLayout.JAVA_BYTE, offset + i, (byte) 0);
        }
    }
}
