package dev.polder.lockdep.engine;

import org.jspecify.annotations.Nullable;

/// From an object to what is known about it: a weak identity map without a limit, read without a
/// lock.
final class InstanceTable {
    /*
     * Open addressing. Writers hold the monitor; readers look at whatever table they see. A reader
     * may miss an entry (an old table, or a referent whose store it cannot see yet), never find a
     * wrong one, because the referent is compared; who misses asks again under the monitor. Cleared
     * entries stay as tombstones until the next growth, which drops them.
     */
    private static final int FIRST_LENGTH = 1 << 8;

    private @Nullable LockInstance[] table = new LockInstance[FIRST_LENGTH];
    private int used; // slots taken, tombstones among them

    @Nullable LockInstance get(Object key) {
        @Nullable LockInstance[] t = table;
        int mask = t.length - 1;
        int i = spread(System.identityHashCode(key)) & mask;
        for (LockInstance e = t[i]; e != null; e = t[i]) {
            if (e.refersTo(key)) {
                return e;
            }
            i = i + 1 & mask;
        }
        return null;
    }

    /// Adds an entry, unless the object has one; returns the one that it has then.
    synchronized LockInstance putIfAbsent(Object key, LockInstance entry) {
        LockInstance known = get(key);
        if (known != null) {
            return known;
        }
        if (2 * (used + 1) > table.length) {
            rehash();
        }
        insert(table, entry);
        used++;
        return entry;
    }

    /// How many objects are known and alive.
    synchronized int size() {
        int n = 0;
        for (LockInstance e : table) {
            if (e != null && !e.refersTo(null)) {
                n++;
            }
        }
        return n;
    }

    private void rehash() {
        int live = size();
        int length = FIRST_LENGTH;
        while (length < 4 * (live + 1)) {
            length *= 2;
        }
        @Nullable LockInstance[] fresh = new LockInstance[length];
        for (LockInstance e : table) {
            if (e != null && !e.refersTo(null)) {
                insert(fresh, e);
            }
        }
        used = live; // entries cleared since they were counted are only counted too high
        table = fresh;
    }

    private static void insert(@Nullable LockInstance[] t, LockInstance entry) {
        int mask = t.length - 1;
        int i = spread(entry.keyHash) & mask;
        while (t[i] != null) {
            i = i + 1 & mask;
        }
        t[i] = entry;
    }

    private static int spread(int hash) {
        return (hash * 0x9E3779B9) >>> 8;
    }
}
