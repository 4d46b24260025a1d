package dev.polder.shrink;

import java.util.Arrays;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;

/// The work that reclaimers left undone in one shrinker, for the pool and for each memory group:
/// the kernel's `nr_deferred`.
///
/// Lock-free. A group's counter is made at the first deferral for it, the pool's is always there;
/// nothing else allocates.
final class Deferred {

    // Notes. total = root + sum of all groups' counters, but for work that a reclaimer holds
    // between take and add. The table of groups is replaced whole, never changed; the counters in
    // it live on in its successor. Work that is put back just while its group ends may be lost:
    // it is a hint for later, and the objects are counted again at the next pass.

    /// Deferred objects are kept below this, so that adding a pass's work to them cannot overflow.
    private static final long LIMIT = 4 * ShrinkArithmetic.MAX_OBJECTS;

    /// The groups that have a counter, by position.
    private static final class Groups {

        final long[] ids;
        final AtomicLong[] counts;

        Groups(long[] ids, AtomicLong[] counts) {
            this.ids = ids;
            this.counts = counts;
        }

        int indexOf(long id) {
            for (int i = 0; i < ids.length; i++) {
                if (ids[i] == id) {
                    return i;
                }
            }
            return -1;
        }
    }

    private final AtomicLong root = new AtomicLong();
    private final AtomicReference<Groups> groups =
            new AtomicReference<>(new Groups(new long[0], new AtomicLong[0]));

    /// Takes all work deferred for the group (0: the pool), so that no other reclaimer repeats it.
    long take(long groupId) {
        if (groupId == 0) {
            return root.get() == 0 ? 0 : root.getAndSet(0);
        }
        Groups table = groups.get();
        int at = table.indexOf(groupId);
        return at < 0 ? 0 : table.counts[at].getAndSet(0);
    }

    /// Puts work back, added to what others put back meanwhile.
    void add(long groupId, long objects) {
        assert objects >= 0 : objects;
        if (objects != 0) {
            counter(groupId).accumulateAndGet(objects, Deferred::saturated);
        }
    }

    /// Moves the work of a group that ends to its parent (0: the pool).
    void reparent(long groupId, long parentId) {
        assert groupId != 0 && groupId != parentId : groupId;
        while (true) {
            Groups old = groups.get();
            int at = old.indexOf(groupId);
            if (at < 0) {
                return;
            }
            int last = old.ids.length - 1;
            long[] ids = new long[last];
            AtomicLong[] counts = new AtomicLong[last];
            for (int from = 0, to = 0; from <= last; from++) {
                if (from != at) {
                    ids[to] = old.ids[from];
                    counts[to++] = old.counts[from];
                }
            }
            if (groups.compareAndSet(old, new Groups(ids, counts))) {
                add(parentId, old.counts[at].getAndSet(0));
                return;
            }
        }
    }

    /// All work deferred, for the pool and every group.
    long total() {
        long sum = root.get();
        for (AtomicLong count : groups.get().counts) {
            sum = saturated(sum, count.get());
        }
        return sum;
    }

    private AtomicLong counter(long groupId) {
        if (groupId == 0) {
            return root;
        }
        while (true) {
            Groups old = groups.get();
            int at = old.indexOf(groupId);
            if (at >= 0) {
                return old.counts[at];
            }
            int n = old.ids.length;
            long[] ids = Arrays.copyOf(old.ids, n + 1);
            AtomicLong[] counts = Arrays.copyOf(old.counts, n + 1);
            ids[n] = groupId;
            counts[n] = new AtomicLong();
            if (groups.compareAndSet(old, new Groups(ids, counts))) {
                return counts[n];
            }
        }
    }

    private static long saturated(long a, long b) {
        return Math.min(a + b, LIMIT);
    }
}
