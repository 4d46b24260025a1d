package dev.polder.vmalloc;

import dev.polder.base.Check;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.locks.ReentrantLock;

/// Which addresses of vmalloc space are free, in frames from its start. The kernel's tree of free
/// `vmap_area`s.
///
/// A request takes the lowest of the smallest free ranges that hold it, so that areas stay together
/// and page tables few. Threads: any; the lock is a leaf and nothing is called under it.
final class AddressSpace {
    /// A free range, ordered by length, then by place.
    private record Range(long pages, long first) implements Comparable<Range> {
        @Override
        public int compareTo(Range other) {
            int byLength = Long.compare(pages, other.pages);
            return byLength != 0 ? byLength : Long.compare(first, other.first);
        }
    }

    private final long pages;
    private final ReentrantLock lock = new ReentrantLock();
    // The same ranges twice; no two of them touch. freePages is the sum of their lengths.
    private final TreeMap<Long, Long> byPlace = new TreeMap<>();
    private final TreeSet<Range> byLength = new TreeSet<>();
    private long freePages;

    /// A space of `pages` frames, all free.
    AddressSpace(long pages) {
        this.pages = pages;
        if (pages > 0) {
            insert(0, pages);
        }
    }

    /// Takes `n` frames of address space in a row.
    ///
    /// @return the first, or -1 if there is no such range
    long take(long n) {
        assert n >= 1 : n;
        lock.lock();
        try {
            Range found = byLength.ceiling(new Range(n, 0));
            if (found == null) {
                return -1;
            }
            remove(found.first, found.pages);
            if (found.pages > n) {
                insert(found.first + n, found.pages - n);
            }
            return found.first;
        } finally {
            lock.unlock();
        }
    }

    /// Gives back what [#take] returned.
    ///
    /// @throws IllegalStateException if a part of it is free already or lies outside
    void give(long first, long n) {
        lock.lock();
        try {
            Map.Entry<Long, Long> before = byPlace.floorEntry(first);
            Map.Entry<Long, Long> after = byPlace.ceilingEntry(first);
            Check.that(first >= 0 && n >= 1 && first + n <= pages
                    && (before == null || before.getKey() + before.getValue() <= first)
                    && (after == null || first + n <= after.getKey()),
                    "address space given back that was not taken");
            long from = first;
            long length = n;
            if (before != null && before.getKey() + before.getValue() == first) {
                remove(before.getKey(), before.getValue());
                from = before.getKey();
                length += before.getValue();
            }
            if (after != null && first + n == after.getKey()) {
                remove(after.getKey(), after.getValue());
                length += after.getValue();
            }
            insert(from, length);
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
            return byLength.isEmpty() ? 0 : byLength.last().pages;
        } finally {
            lock.unlock();
        }
    }

    /// True if all of `n` frames from `first` are taken.
    boolean isTaken(long first, long n) {
        lock.lock();
        try {
            Map.Entry<Long, Long> before = byPlace.lowerEntry(first + n);
            return before == null || before.getKey() + before.getValue() <= first;
        } finally {
            lock.unlock();
        }
    }

    private void insert(long first, long n) {
        byPlace.put(first, n);
        byLength.add(new Range(n, first));
        freePages += n;
    }

    private void remove(long first, long n) {
        byPlace.remove(first);
        byLength.remove(new Range(n, first));
        freePages -= n;
    }

    /// Walks both orders and throws on the first disagreement.
    void verify() {
        lock.lock();
        try {
            long sum = 0;
            long end = -1;
            for (Map.Entry<Long, Long> e : byPlace.entrySet()) {
                long first = e.getKey();
                long n = e.getValue();
                Check.that(n >= 1 && first + n <= pages, "a free range lies outside the space");
                Check.that(first > end, "two free ranges touch or overlap");
                Check.that(byLength.contains(new Range(n, first)), "the two orders disagree");
                end = first + n;
                sum += n;
            }
            Check.that(byLength.size() == byPlace.size(), "the two orders differ in length");
            Check.that(sum == freePages, "the free address space is miscounted");
        } finally {
            lock.unlock();
        }
    }
}
