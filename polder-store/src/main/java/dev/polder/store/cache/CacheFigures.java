package dev.polder.store.cache;

import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;

/// What a cache counts. Written under its lock, except hits, misses and frames; read by anybody,
/// without it: each figure for itself.
public final class CacheFigures {
    final AtomicLong values = new AtomicLong();
    final AtomicLong trees = new AtomicLong();
    final AtomicLong dirty = new AtomicLong();
    final AtomicLong logged = new AtomicLong();
    final AtomicLong frames = new AtomicLong();
    final LongAdder hits = new LongAdder();
    final LongAdder misses = new LongAdder();
    final LongAdder evictions = new LongAdder();

    CacheFigures() {}

    /// Value pages in the cache.
    public long valuePages() {
        return values.get();
    }

    /// Structured pages of all states in the cache.
    public long treePages() {
        return trees.get();
    }

    /// Versions that are durable and not in place.
    public long dirtyPages() {
        return dirty.get();
    }

    /// Versions of groups that are not durable.
    public long loggedPages() {
        return logged.get();
    }

    /// Frames held, also by versions that were replaced and by private ones.
    public long frames() {
        return frames.get();
    }

    /// Pages found.
    public long hits() {
        return hits.sum();
    }

    /// Pages read.
    public long misses() {
        return misses.sum();
    }

    /// Pages evicted.
    public long evictions() {
        return evictions.sum();
    }
}
