package dev.polder.debug;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// The patterns that memory holds while its user should not touch it, and their check. The values
/// are the kernel's (`include/linux/poison.h`), known to who has read a dump before.
public final class Poison {
    /// In memory that was freed.
    public static final byte FREE = 0x6b;
    /// In memory that was handed out and not written yet.
    public static final byte IN_USE = 0x5a;
    /// Around objects.
    public static final byte RED = (byte) 0xcc;

    /// Bytes shown of a broken pattern.
    private static final int SHOWN = 16;

    private Poison() {}

    /// Writes a pattern over a range of `s`.
    public static void fill(MemorySegment s, long offset, long bytes, byte pattern) {
        if (bytes > 0) {
            s.asSlice(offset, bytes).fill(pattern);
        }
    }

    /// Offset of the first byte in a range of `s` that is not the pattern's, or -1.
    public static long firstBroken(MemorySegment s, long offset, long bytes, byte pattern) {
        long end = offset + bytes;
        long word = (pattern & 0xffL) * 0x0101010101010101L;
        long at = offset;
        while (at + Long.BYTES <= end && s.get(ValueLayout.JAVA_LONG_UNALIGNED, at) == word) {
            at += Long.BYTES;
        }
        while (at < end && s.get(ValueLayout.JAVA_BYTE, at) == pattern) {
            at++;
        }
        return at < end ? at : -1;
    }

    /// The bytes of `s` from `offset` to at most `end`, for people: `6b 6b 01 02`.
    public static String dump(MemorySegment s, long offset, long end) {
        StringBuilder out = new StringBuilder();
        for (long at = offset; at < Math.min(end, offset + SHOWN); at++) {
            out.append(at == offset ? "" : " ").append(
                    String.format("%02x", s.get(ValueLayout.JAVA_BYTE, at)));
        }
        return out.toString();
    }
}
