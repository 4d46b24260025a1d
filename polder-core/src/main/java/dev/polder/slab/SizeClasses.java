package dev.polder.slab;

/// The sizes of objects that `kmalloc` keeps caches for. The kernel's `kmalloc_info`.
final class SizeClasses {
    /// Powers of two, and two sizes between them where rounding up would waste most: requests just
    /// above 64 and 128 bytes are common.
    private static final int[] SIZES =
            {8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192};
    /// Requests above this many bytes are served by pages: two pages, `KMALLOC_MAX_CACHE_SIZE`.
    static final int LARGEST = 8192;
    /// Number of classes.
    static final int COUNT = SIZES.length;
    /// The class of a request by its size in units of 8 bytes, rounded up; 1 KiB of table.
    private static final byte[] CLASS_OF = classTable();

    private SizeClasses() {}

    /// Object size of class `index`, in bytes.
    static int size(int index) {
        return SIZES[index];
    }

    /// The smallest class for `size` bytes, 1..[#LARGEST].
    static int indexOf(long size) {
        return CLASS_OF[((int) size + 7) >> 3];
    }

    /// The smallest class for `size` bytes whose objects all lie on multiples of `alignment`, or -1
    /// if no class has such objects.
    static int indexOf(long size, long alignment) {
        if (Math.max(size, alignment) > LARGEST) {
            return -1;
        }
        int index = indexOf(size);
        if (alignmentOf(index) >= alignment) {
            return index;
        }
        return indexOf(roundToPowerOfTwo(Math.max(size, alignment)));
    }

    /// The power of two on whose multiples the objects of class `index` lie: the largest that
    /// divides the object size, since slabs begin on multiples of at least a page, and of the
    /// object size where that is a larger power of two.
    static int alignmentOf(int index) {
        return Integer.lowestOneBit(SIZES[index]);
    }

    private static long roundToPowerOfTwo(long n) {
        return n <= 1 ? 1 : Long.highestOneBit(n - 1) << 1;
    }

    private static byte[] classTable() {
        byte[] table = new byte[LARGEST / 8 + 1];
        int index = 0;
        for (int units = 0; units < table.length; units++) {
            while (SIZES[index] < units * 8) {
                index++;
            }
            table[units] = (byte) index;
        }
        return table;
    }
}
