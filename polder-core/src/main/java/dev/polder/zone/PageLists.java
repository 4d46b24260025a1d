package dev.polder.zone;

import dev.polder.base.Check;
import java.util.concurrent.locks.ReentrantLock;

/// Small stacks of runs in front of the buddy, one set a stripe, so that two threads seldom meet at
/// the zone's lock. The kernel's per-CPU lists (`struct per_cpu_pages`).
///
/// Notes
///
/// A thread's stripe follows from its id; a stripe that is busy is passed by, never waited for.
/// Runs on a list are not counted as free, as in the kernel: the watermarks see the buddy only, and
/// [Zone#drain] puts the lists back when a request runs short (row D7).
final class PageLists {
    /// Orders that are listed: up to `PAGE_ALLOC_COSTLY_ORDER`, as in the kernel.
    static final int ORDERS = 4;
    /// Frames that one order of one stripe may hold: 64 KiB at order 0 is two refills.
    private static final int LIMIT_FRAMES = 32;

    private final FrameTable frames;
    private final Stripe[] stripes;

    /// `stripes` must be a power of two.
    PageLists(FrameTable frames, int stripes) {
        assert Integer.bitCount(stripes) == 1 : "a mask selects the stripe";
        this.frames = frames;
        this.stripes = new Stripe[stripes];
        for (int i = 0; i < stripes; i++) {
            this.stripes[i] = new Stripe();
        }
    }

    /// Takes a run of `order` from the stripe of `key`; 0 if that stripe is busy or empty.
    int take(long key, int order) {
        Stripe s = stripe(key);
        if (!s.lock.tryLock()) {
            return 0;
        }
        try {
            int n = s.count[order];
            if (n == 0) {
                return 0;
            }
            s.count[order] = n - 1;
            int pfn = s.runs[order][n - 1];
            frames.mark(pfn, FrameTable.USED, order);
            return pfn;
        } finally {
            s.lock.unlock();
        }
    }

    /// Puts a run on the stripe's list; false if that stripe is busy or full.
    boolean give(long key, int pfn, int order) {
        Stripe s = stripe(key);
        if (!s.lock.tryLock()) {
            return false;
        }
        try {
            int n = s.count[order];
            if (n == s.runs[order].length) {
                return false;
            }
            frames.mark(pfn, FrameTable.LISTED, order);
            s.runs[order][n] = pfn;
            s.count[order] = n + 1;
            return true;
        } finally {
            s.lock.unlock();
        }
    }

    /// Empties every list into `zone`'s buddy; the number of frames that moved.
    long drain(Zone zone) {
        long moved = 0;
        for (Stripe s : stripes) {
            s.lock.lock();
            try {
                for (int order = 0; order < ORDERS; order++) {
                    while (s.count[order] > 0) {
                        zone.giveToBuddy(s.runs[order][--s.count[order]], order);
                        moved += 1L << order;
                    }
                }
            } finally {
                s.lock.unlock();
            }
        }
        return moved;
    }

    /// Frames on all lists; exact only while nobody allocates.
    long listed() {
        long sum = 0;
        for (Stripe s : stripes) {
            for (int order = 0; order < ORDERS; order++) {
                sum += (long) s.count[order] << order;
            }
        }
        return sum;
    }

    /// Takes every stripe's lock, in index order; the zone's lock comes after them.
    void lockAll() {
        for (Stripe s : stripes) {
            s.lock.lock();
        }
    }

    void unlockAll() {
        for (Stripe s : stripes) {
            s.lock.unlock();
        }
    }

    /// Every listed run is marked as listed with its order. All stripes are locked.
    void verify() {
        for (Stripe s : stripes) {
            for (int order = 0; order < ORDERS; order++) {
                for (int i = 0; i < s.count[order]; i++) {
                    int pfn = s.runs[order][i];
                    Check.that(frames.kind(pfn) == FrameTable.LISTED,
                            "a run on a stripe's list is not marked so");
                    Check.that(frames.order(pfn) == order,
                            "a run on a stripe's list has another order");
                }
            }
        }
    }

    private Stripe stripe(long key) {
        return stripes[(int) key & (stripes.length - 1)];
    }

    private static final class Stripe {
        final ReentrantLock lock = new ReentrantLock();
        final int[][] runs = new int[ORDERS][];
        final int[] count = new int[ORDERS];

        Stripe() {
            for (int order = 0; order < ORDERS; order++) {
                runs[order] = new int[LIMIT_FRAMES >> order];
            }
        }
    }
}
