package dev.polder.lockdep.engine;

/// The sequences of lock classes that were examined before (lockdep's chain hash): a thread that
/// repeats one of them learns so by one probe.
///
/// Keys are 64-bit hashes of whole sequences; a program has at most some hundred thousand of them,
/// so a collision, which would hide an edge, is a matter of one in a hundred million runs. Grows
/// without a limit.
final class ChainCache {
    /*
     * Read without a lock, written under the monitor. A key is a long, read whole on 64-bit JVMs; a
     * reader that misses a key just written, or looks into the table before the last growth, only
     * goes the slow way once more. Keys are never removed.
     */
    private static final int FIRST_LENGTH = 1 << 10;

    private long[] table = new long[FIRST_LENGTH];
    private int used;

    boolean contains(long key) {
        long[] t = table;
        int mask = t.length - 1;
        int i = slot(key) & mask;
        for (;;) {
            long k = t[i];
            if (k == key) {
                return true;
            }
            if (k == 0) {
                return false;
            }
            i = i + 1 & mask;
        }
    }

    synchronized void add(long key) {
        if (contains(key)) {
            return;
        }
        if (2 * (used + 1) > table.length) {
            long[] longer = new long[2 * table.length];
            for (long k : table) {
                if (k != 0) {
                    put(longer, k);
                }
            }
            table = longer;
        }
        put(table, key);
        used++;
    }

    synchronized int size() {
        return used;
    }

    /// The key of a sequence with one more class taken in a mode. Never 0, which marks empty slots.
    static long extend(long key, int classId, int mode) {
        long x = (key ^ ((long) classId << Mode.BITS | mode)) * 0x9E3779B97F4A7C15L;
        x ^= x >>> 29;
        return x == 0 ? 1 : x;
    }

    private static int slot(long key) {
        return (int) (key >>> 32);
    }

    private static void put(long[] t, long key) {
        int mask = t.length - 1;
        int i = slot(key) & mask;
        while (t[i] != 0) {
            i = i + 1 & mask;
        }
        t[i] = key;
    }
}
