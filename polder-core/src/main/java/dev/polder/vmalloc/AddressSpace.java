package dev.polder.vmalloc;

import dev.polder.base.Check;
import java.util.Arrays;
import java.util.concurrent.locks.ReentrantLock;

/// Which addresses of vmalloc space are free, in frames from its start. The kernel's tree of free
/// `vmap_area`s.
///
/// A request takes the lowest of the smallest free ranges that hold it, so that areas stay together
/// and page tables few. Threads: any; the lock is a leaf and nothing is called under it.
///
/// Notes
///
/// Two arrays, in the order of places, and not a tree: to give back must not need Java heap. There
/// is at most one free range more than ranges in use, so a request that succeeds makes room for
/// what its end may need. Areas are bounded by the budget of mappings, some thousands, so that a
/// walk costs no more than the system call that follows it.
final class AddressSpace {
    private final long pages;
    private final ReentrantLock lock = new ReentrantLock();
    // Guarded by lock. ranges <= taken + 1 <= first.length; no two free ranges touch;
    // freePages = sum of length[0..ranges)
    private long[] first = new long[8];
    private long[] length = new long[8];
    private int ranges;
    private int taken;
    private long freePages;

    /// A space of `pages` frames, all free.
    AddressSpace(long pages) {
        this.pages = pages;
        if (pages > 0) {
            insert(0, 0, pages);
        }
    }

    /// Takes `n` frames of address space in a row.
    ///
    /// @return the first, or -1 if there is no such range
    long take(long n) {
        assert n >= 1 : n;
        lock.lock();
        try {
            int best = -1;
            for (int i = 0; i < ranges; i++) {
                if (length[i] >= n && (best < 0 || length[i] < length[best])) {
                    best = i;
                }
            }
            if (best < 0) {
                return -1;
            }
            if (taken + 2 > first.length) {
                long[] more = Arrays.copyOf(first, 2 * first.length);
                length = Arrays.copyOf(length, more.length);
                first = more;
            }
            taken++;
            freePages -= n;
            long at = first[best];
            first[best] += n;
            length[best] -= n;
            if (length[best] == 0) {
                remove(best);
            }
            return at;
        } finally {
            lock.unlock();
        }
    }

    /// Gives back what [#take] returned. Needs no Java heap.
    ///
    /// @throws IllegalStateException if a part of it is free already or lies outside
    void give(long from, long n) {
        lock.lock();
        try {
            int after = indexBehind(from);
            int before = after - 1;
            Check.that(from >= 0 && n >= 1 && from + n <= pages
                    && (before < 0 || first[before] + length[before] <= from)
                    && (after == ranges || from + n <= first[after]),
                    "address space given back that was not taken");
            boolean joinsBefore = before >= 0 && first[before] + length[before] == from;
            boolean joinsAfter = after < ranges && from + n == first[after];
            taken--;
            if (joinsBefore) {
                length[before] += n;
                freePages += n;
                if (joinsAfter) {
                    length[before] += length[after];
                    remove(after);
                }
            } else if (joinsAfter) {
                first[after] = from;
                length[after] += n;
                freePages += n;
            } else {
                insert(after, from, n);
            }
        } finally {
            lock.unlock();
        }
    }

    /// Frames of address space that are free, in whatever pieces.
    long freePages() {
        lock.lock();
        try {
            return freePages;
        } finally {
            lock.unlock();
        }
    }

    /// Length of the longest free range.
    long longest() {
        lock.lock();
        try {
            long most = 0;
            for (int i = 0; i < ranges; i++) {
                most = Math.max(most, length[i]);
            }
            return most;
        } finally {
            lock.unlock();
        }
    }

    /// True if all of `n` frames from `from` are taken.
    boolean isTaken(long from, long n) {
        lock.lock();
        try {
            int before = indexBehind(from + n - 1) - 1;
            return before < 0 || first[before] + length[before] <= from;
        } finally {
            lock.unlock();
        }
    }

    /// The place of the first range that begins behind `at`.
    private int indexBehind(long at) {
        int found = Arrays.binarySearch(first, 0, ranges, at);
        return found >= 0 ? found + 1 : -found - 1;
    }

    private void insert(int at, long from, long n) {
        System.arraycopy(first, at, first, at + 1, ranges - at);
        System.arraycopy(length, at, length, at + 1, ranges - at);
        first[at] = from;
        length[at] = n;
        ranges++;
        freePages += n;
    }

    private void remove(int at) {
        ranges--;
        System.arraycopy(first, at + 1, first, at, ranges - at);
        System.arraycopy(length, at + 1, length, at, ranges - at);
    }

    /// Walks the free ranges and throws on the first that cannot be.
    void verify() {
        lock.lock();
        try {
            long sum = 0;
            long end = -1;
            for (int i = 0; i < ranges; i++) {
                Check.that(length[i] >= 1 && first[i] + length[i] <= pages,
                        "a free range lies outside the space");
                Check.that(first[i] > end, "two free ranges touch or overlap");
                end = first[i] + length[i];
                sum += length[i];
            }
            Check.that(sum == freePages, "the free address space is miscounted");
            Check.that(taken >= 0 && ranges <= taken + 1, "more free ranges than ranges in use");
        } finally {
            lock.unlock();
        }
    }
}
