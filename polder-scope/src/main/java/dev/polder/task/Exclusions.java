package dev.polder.task;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// The domains that one thread excludes from reclaim, counted by (domain, site, holder).
///
/// Counted and not stacked, because locks may be released in any order: an entry lives while its
/// count is above zero, wherever it stands. Only the owner thread writes. The table is searched
/// from the newest to the oldest: a thread holds a handful of locks, mostly releases the newest,
/// and a search of four entries costs less than any hashing.
@SuppressWarnings("ReferenceEquality") // domains, sites and holders are compared by identity
final class Exclusions {
    /// A thread that holds more guarded locks than this at once has lost count of them.
    static final int LIMIT = 1 << 12;

    private static final int FIRST_LENGTH = 4;

    /// One line of the table; used again, its references cleared while it is not.
    private static final class Entry {
        @Nullable Object domain;
        @Nullable Object site;
        @Nullable Object holder;
        int count;
        long serial;
    }

    // Entries 0 .. used-1 are live, in the order of first entering; those above wait to be used
    // again.
    private Entry[] entries = {};
    private int used;

    int used() {
        return used;
    }

    boolean contains(Object domain) {
        for (int i = used - 1; i >= 0; i--) {
            if (entries[i].domain == domain) {
                return true;
            }
        }
        return false;
    }

    /// How often `holder` is entered.
    int countOf(Object holder) {
        int sum = 0;
        for (int i = used - 1; i >= 0; i--) {
            Entry e = entries[i];
            sum += e.holder == holder ? e.count : 0;
        }
        return sum;
    }

    /// Adds to the entry's count, and makes the entry if there is none.
    void add(Object domain, Object site, Object holder, int count, long serial) {
        int i = find(domain, site, holder);
        if (i >= 0) {
            entries[i].count += count;
            return;
        }
        if (used == entries.length) {
            grow();
        }
        Entry e = entries[used];
        e.domain = domain;
        e.site = site;
        e.holder = holder;
        e.count = count;
        e.serial = serial;
        used++;
    }

    /// Takes up to `count` from the entry; returns how many there were to take.
    int remove(Object domain, Object site, Object holder, int count) {
        int i = find(domain, site, holder);
        if (i < 0) {
            return 0;
        }
        Entry e = entries[i];
        if (count < e.count) {
            e.count -= count;
            return count;
        }
        int taken = e.count;
        if (i != used - 1) {
            moveToEnd(i);
        }
        used--;
        e.domain = null;
        e.site = null;
        e.holder = null;
        return taken;
    }

    private int find(Object domain, Object site, Object holder) {
        int i = used - 1;
        while (i >= 0) {
            Entry e = entries[i];
            if (e.holder == holder && e.domain == domain && e.site == site) {
                break;
            }
            i--;
        }
        return i;
    }

    private void moveToEnd(int i) {
        Entry e = entries[i];
        System.arraycopy(entries, i + 1, entries, i, used - 1 - i);
        entries[used - 1] = e;
    }

    private void grow() {
        if (used >= LIMIT) {
            throw new IllegalStateException(
                    "this thread holds " + used + " exclusions at once; is one never released?");
        }
        Entry[] longer = Arrays.copyOf(entries, Math.max(FIRST_LENGTH, 2 * used));
        for (int i = used; i < longer.length; i++) {
            longer[i] = new Entry();
        }
        entries = longer;
    }

    // ---- telling --------------------------------------------------------------------------------

    /// The first opening of the oldest entry, 0 when there is none. May be called by other threads;
    /// then the answer can be old.
    long oldestSerial() {
        Entry[] e = entries;
        return used == 0 || e.length == 0 ? 0 : e[0].serial;
    }

    /// Whether the entry with this serial is there. May be called by other threads; while the owner
    /// moves entries the answer can be wrong.
    boolean contains(long serial) {
        Entry[] e = entries;
        for (int i = Math.min(used, e.length) - 1; i >= 0; i--) {
            if (e[i].serial == serial) {
                return true;
            }
        }
        return false;
    }

    long serialAt(int i) {
        return entries[i].serial;
    }

    /// The serial of the entry that was first entered last, 0 when there is none.
    long newestSerial() {
        return used == 0 ? 0 : entries[used - 1].serial;
    }

    @Nullable Object domainAt(int i) {
        return entries[i].domain;
    }

    @Nullable Object siteAt(int i) {
        return entries[i].site;
    }
}
