package dev.polder.cli.load;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/// The trigrams of a text: three neighbouring characters, case folded, each as one of 64 classes.
/// One object gathers the different trigrams of one text at a time; it is not for several threads.
final class Trigrams {

    /// Bits of a character's class.
    private static final int CLASS_BITS = 6;

    /// How many trigrams there are.
    static final int COUNT = 1 << (3 * CLASS_BITS);

    private static final byte[] CLASS = classes();

    private final long[] seen = new long[COUNT / Long.SIZE];
    private int[] found = new int[4096];
    private int size;

    /// Letters fold together with their case and digits stand alone; the other characters share the
    /// classes that are left.
    private static byte[] classes() {
        byte[] classes = new byte[256];
        for (int c = 0; c < 256; c++) {
            int folded = c >= 'A' && c <= 'Z' ? c + 32 : c;
            if (folded >= 'a' && folded <= 'z') {
                classes[c] = (byte) (folded - 'a');
            } else if (c >= '0' && c <= '9') {
                classes[c] = (byte) (26 + c - '0');
            } else {
                classes[c] = (byte) (36 + c % 28);
            }
        }
        return classes;
    }

    /// The trigram at a place of a text.
    static int at(MemorySegment text, long offset) {
        return code(text, offset) << (2 * CLASS_BITS) | code(text, offset + 1) << CLASS_BITS
                | code(text, offset + 2);
    }

    private static int code(MemorySegment text, long offset) {
        return CLASS[text.get(ValueLayout.JAVA_BYTE, offset) & 0xff];
    }

    /// A trigram's key in the index: three bytes in the order of the numbers.
    static byte[] key(int trigram) {
        return new byte[] {(byte) (trigram >>> (2 * CLASS_BITS)),
            (byte) (trigram >>> CLASS_BITS & (1 << CLASS_BITS) - 1),
            (byte) (trigram & (1 << CLASS_BITS) - 1)};
    }

    /// The trigram of a key.
    static int of(byte[] key) {
        return key[0] << (2 * CLASS_BITS) | key[1] << CLASS_BITS | key[2];
    }

    /// Gathers the text's trigrams in place of those of the text before.
    ///
    /// @return how many different ones it has
    int gather(MemorySegment text) {
        Arrays.fill(seen, 0);
        size = 0;
        long length = text.byteSize();
        if (length < 3) {
            return 0;
        }
        int trigram = code(text, 0) << CLASS_BITS | code(text, 1);
        for (long i = 2; i < length; i++) {
            trigram = (trigram << CLASS_BITS | code(text, i)) & COUNT - 1;
            if ((seen[trigram >>> 6] & 1L << trigram) == 0) {
                seen[trigram >>> 6] |= 1L << trigram;
                add(trigram);
            }
        }
        return size;
    }

    /// The `i`-th trigram that was gathered, in no order.
    int get(int i) {
        return found[i];
    }

    private void add(int trigram) {
        if (size == found.length) {
            found = Arrays.copyOf(found, 2 * size);
        }
        found[size++] = trigram;
    }
}
