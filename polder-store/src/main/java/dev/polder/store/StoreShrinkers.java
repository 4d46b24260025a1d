package dev.polder.store;

import dev.polder.Polder;
import dev.polder.Registration;
import dev.polder.ShrinkerSpec;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.ReclaimDomain;
import dev.polder.shrinker.ShrinkControl;
import dev.polder.shrinker.Shrinker;
import dev.polder.store.cache.CacheFigures;
import dev.polder.store.cache.Eviction;
import dev.polder.store.cache.PageCache;
import dev.polder.store.flush.Flusher;
import dev.polder.store.journal.Journal;
import dev.polder.store.watch.Activity;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.Lock;
import java.util.function.LongSupplier;

/// What a store gives back when memory is short: three shrinkers of its domain.
///
/// | name | objects | needs | where it may wait |
/// |---|---|---|---|
/// | `-pages` | clean value pages | nothing: any mask (E4) | for the cache's lock |
/// | `-nodes` | structured pages, their nodes | FS: joins the journal (F9) | for a commit |
/// | `-dirty` | none: marks pages, wakes the flusher (E5) | IO | for the writeback of those |
///
/// `count` never looks at the mask (F2): what `scan` refuses is deferred to somebody who may. None
/// of them reads or writes a file, or asks for memory.
final class StoreShrinkers implements AutoCloseable {
    /// Small enough that a cache of a few thousand pages is scanned before the last priority (F5).
    private static final int BATCH = 16;
    /// Nodes are few beside pages, and would hardly be asked before the pages are gone: two is
    /// their share of the first pass over a cache of 8 MiB.
    private static final int NODE_BATCH = 2;

    private final Journal journal;
    private final PageCache cache;
    private final Flusher flusher;
    private final boolean forceMayWait;
    private final List<Registration> registrations = new ArrayList<>();
    private final LongAdder stops = new LongAdder();
    private final LongAdder commitWaits = new LongAdder();

    StoreShrinkers(StoreConfig config, Journal journal, PageCache cache, Flusher flusher) {
        this.journal = journal;
        this.cache = cache;
        this.flusher = flusher;
        this.forceMayWait = config.forceMayWait();
    }

    void register(Polder pool, StoreConfig config, ReclaimDomain domain) {
        String name = config.name();
        CacheFigures figures = cache.figures();
        ShrinkerSpec pages = spec(name + "-pages", figures::valuePages, this::scanPages);
        add(pool, config.cleanPagesInDomain() ? pages.domain(domain) : pages);
        add(pool, spec(name + "-nodes", figures::treePages, this::scanNodes).domain(domain)
                .batch(NODE_BATCH));
        // To mark a page costs nothing that would have to be made again: no seeks (F3), so that the
        // flusher is woken by the first who reclaims, and not when all else is gone.
        add(pool, spec(name + "-dirty", figures::dirtyPages, this::scanDirty).domain(domain)
                .seeks(0));
    }

    private void add(Polder pool, ShrinkerSpec spec) {
        registrations.add(pool.register(spec));
    }

    private static ShrinkerSpec spec(String name, LongSupplier count, Scanner scanner) {
        return ShrinkerSpec.of(name, new Shrinker() {
            @Override
            public long count(ShrinkControl sc) {
                long n = count.getAsLong();
                return n == 0 ? EMPTY : n;
            }

            @Override
            public long scan(ShrinkControl sc) {
                Activity a = Activity.current();
                a.scanning(name);
                try {
                    return scanner.scan(sc);
                } finally {
                    a.scanning(null);
                }
            }
        }).batch(BATCH);
    }

    @FunctionalInterface
    private interface Scanner {
        long scan(ShrinkControl sc);
    }

    private boolean mayWait(ShrinkControl sc) {
        return sc.mayWait() || forceMayWait;
    }

    private boolean enter(ShrinkControl sc) {
        Lock lock = cache.lock();
        if (mayWait(sc)) {
            lock.lock();
            return true;
        }
        return sc.tryEnter(lock);
    }

    private long stop() {
        stops.increment();
        return Shrinker.STOP;
    }

    long scanPages(ShrinkControl sc) {
        if (!enter(sc)) {
            return stop();
        }
        Eviction scan = new Eviction(cache);
        try {
            scan.values(sc.toScan());
        } finally {
            cache.lock().unlock();
        }
        return scan.finish();
    }

    long scanNodes(ShrinkControl sc) {
        if (!Gfp.has(sc.gfp(), Gfp.FS) && !forceMayWait) {
            return stop();
        }
        boolean mayWait = mayWait(sc);
        if (mayWait && !journal.enterEviction()) {
            return stop();
        }
        Eviction scan = new Eviction(cache);
        try {
            if (!enter(sc)) {
                return stop();
            }
            try {
                scan.nodes(sc.toScan(), mayWait);
            } finally {
                cache.lock().unlock();
            }
        } finally {
            if (mayWait) {
                journal.leaveEviction();
            }
        }
        long freed = scan.finish();
        if (scan.dirtySeen() > 0 && Gfp.has(sc.gfp(), Gfp.IO)) {
            flusher.wake();
        }
        if (scan.waitFor() != 0) {
            commitWaits.increment();
            journal.awaitCommitInScan(scan.waitFor());
        }
        return freed;
    }

    long scanDirty(ShrinkControl sc) {
        if (!Gfp.has(sc.gfp(), Gfp.IO)) {
            return stop();
        }
        if (!enter(sc)) {
            return stop();
        }
        int marked;
        try {
            marked = cache.markDirty(sc.toScan());
        } finally {
            cache.lock().unlock();
        }
        if (marked > 0) {
            flusher.wake();
            if (mayWait(sc)) {
                flusher.awaitWriteback(marked);
            }
        }
        return 0;
    }

    long stops() {
        return stops.sum();
    }

    long commitWaits() {
        return commitWaits.sum();
    }

    /// Ends the registrations; waits for walkers.
    @Override
    public void close() {
        for (Registration r : registrations) {
            r.close();
        }
        registrations.clear();
    }
}
