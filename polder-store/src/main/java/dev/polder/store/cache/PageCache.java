package dev.polder.store.cache;

import dev.polder.store.cache.Page.State;
import dev.polder.store.pool.StorePool;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// All page versions of one store. The kernel's address space with its folios.
///
/// Invariants, checked by [#verify] and asserted where they could break:
///
/// 1. The table has at most one version of a number, and exactly the versions with `current`.
/// 2. A version is on one of the two LRUs if and only if it is current and not LOADING: value pages
///    on `values`, structured pages on `trees`.
/// 3. The dirty map has, of each number, the newest durable version that is not in place, in the
///    order of the commits.
/// 4. `keeps` = 1 if current + pins + 1 if of a group that is not durable + 1 if in the dirty map
///    + 1 if being written. A frame is freed when it reaches 0, once.
/// 5. The lock is held for table and list work only: never while memory is asked for, a file is
///    read or written, or a shrinker of somebody else runs. A thread holds it at most once.
public final class PageCache {
    private final StorePool pool;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition loaded = lock.newCondition();
    private final PageTable table = new PageTable();
    private final PageLru values = new PageLru();
    private final PageLru trees = new PageLru();
    private final Map<Long, Page> dirty = new LinkedHashMap<>();

    private final CacheFigures figures = new CacheFigures();

    /// An empty cache over `pool`.
    public PageCache(StorePool pool) {
        this.pool = pool;
    }

    /// Fills a frame with a page's content.
    @FunctionalInterface
    public interface Loader {
        /// Reads page `p` into `bytes`. Neither asks for memory nor takes a lock.
        void load(Page p, MemorySegment bytes) throws IOException;
    }

    /// The version of a page that is in the cache, pinned; null if none is or it is being read.
    /// Never waits for more than the cache's lock.
    public @Nullable Page pinCached(long number, long tag) {
        lock.lock();
        try {
            Page p = table.get(number);
            if (p == null || p.tag != tag || p.state == State.LOADING) {
                return null;
            }
            figures.hits.increment();
            p.touch();
            p.keeps++;
            return p;
        } finally {
            lock.unlock();
        }
    }

    /// The current version of a page, pinned, read from the disk where necessary.
    ///
    /// Called with no lock held.
    ///
    /// @param tag what the page is to be
    /// @return null if it is something else now, and not to be dropped: the caller's way is stale
    public @Nullable Page fetch(long number, long tag, Loader loader) throws IOException {
        Page p = pinCached(number, tag);
        if (p != null) {
            return p;
        }
        figures.misses.increment();
        while (true) {
            Page fresh = fresh(number, tag, State.LOADING);
            Page there = claim(fresh);
            if (there != fresh) {
                give(fresh);
                return there;
            }
            boolean ok = false;
            try {
                loader.load(fresh, pool.page(fresh.run));
                ok = true;
            } finally {
                loaded(fresh, ok);
            }
            if (isCurrent(fresh)) {
                return fresh;
            }
            unpin(fresh);
        }
    }

    private Page fresh(long number, long tag, State state) throws IOException {
        long run = pool.frame(number);
        long node = tag == Page.TREE ? pool.node() : 0;
        figures.frames.incrementAndGet();
        return new Page(number, run, node, tag, state);
    }

    private void give(Page p) {
        figures.frames.decrementAndGet();
        pool.freeNode(p.node);
        pool.freeFrame(p.run);
    }

    /// Puts `fresh` into the table to be loaded by the caller, and returns it; or the version that
    /// came first, pinned; or null: something else is there that may not be dropped.
    private @Nullable Page claim(Page fresh) {
        Freed freed = new Freed();
        lock.lock();
        try {
            while (true) {
                Page p = table.get(fresh.number);
                if (p == null) {
                    break;
                }
                if (p.state == State.LOADING) {
                    loaded.awaitUninterruptibly();
                    continue;
                }
                if (p.tag == fresh.tag) {
                    p.touch();
                    p.keeps++;
                    return p;
                }
                if (p.state != State.CLEAN) {
                    return null;
                }
                detach(p, freed);
            }
            table.put(fresh);
            fresh.current = true;
            fresh.keeps = 2;
            return fresh;
        } finally {
            lock.unlock();
            giveBack(freed);
        }
    }

    private void loaded(Page p, boolean ok) {
        Freed freed = new Freed();
        lock.lock();
        try {
            p.state = State.CLEAN;
            if (!ok) {
                if (p.current) {
                    detach(p, freed);
                }
                release(p, freed);
            } else if (p.current) {
                list(p);
            }
            loaded.signalAll();
        } finally {
            lock.unlock();
            giveBack(freed);
        }
    }

    private boolean isCurrent(Page p) {
        lock.lock();
        try {
            return p.current;
        } finally {
            lock.unlock();
        }
    }

    /// Ends a pin.
    public void unpin(Page p) {
        boolean last;
        lock.lock();
        try {
            assert p.keeps > 0 : p;
            last = --p.keeps == 0;
        } finally {
            lock.unlock();
        }
        if (last) {
            give(p);
        }
    }

    /// Drops a clean version that turned out to be wrong: the next one who asks reads it again.
    public void forget(Page p) {
        Freed freed = new Freed();
        lock.lock();
        try {
            if (p.current && p.state == State.CLEAN) {
                detach(p, freed);
            }
        } finally {
            lock.unlock();
            giveBack(freed);
        }
    }

    /// A new private version of a structured page. Its content is whatever was in the frame.
    public Page shadow(long number) throws IOException {
        Page p = fresh(number, Page.TREE, State.SHADOW);
        p.keeps = 1;
        return p;
    }

    /// Ends a private version that is not wanted.
    public void drop(Page shadow) {
        assert shadow.state == State.SHADOW && shadow.keeps == 1 : shadow;
        give(shadow);
    }

    /// Makes private versions current: they are of `group` from now on.
    ///
    /// @param fresh the versions; each is kept by the group besides
    /// @param freed pages that are no more part of the store
    /// @param group the commit group's number
    /// @param logged the group's versions so far, by number: replaced ones are let go
    public void install(Collection<Page> fresh, long[] freed, long group, Map<Long, Page> logged) {
        Freed gone = new Freed();
        lock.lock();
        try {
            for (Page p : fresh) {
                assert p.state == State.SHADOW && p.keeps == 1 : p;
                Page old = table.get(p.number);
                if (old != null) {
                    detach(old, gone);
                }
                p.state = State.LOGGED;
                p.group = group;
                p.current = true;
                p.keeps = 2;
                table.put(p);
                list(p);
                figures.logged.incrementAndGet();
                Page before = logged.put(p.number, p);
                if (before != null) {
                    figures.logged.decrementAndGet();
                    release(before, gone);
                }
            }
            for (long number : freed) {
                Page old = table.get(number);
                if (old != null) {
                    detach(old, gone);
                }
            }
        } finally {
            lock.unlock();
            giveBack(gone);
        }
    }

    /// A group is durable: its versions are dirty now, and replace older dirty ones.
    public void committed(Collection<Page> group) {
        Freed gone = new Freed();
        lock.lock();
        try {
            for (Page p : group) {
                assert p.state == State.LOGGED : p;
                p.state = State.DIRTY;
                figures.logged.decrementAndGet();
                Page older = dirty.remove(p.number);
                dirty.put(p.number, p);
                if (older != null) {
                    assert older.group < p.group : older + " before " + p;
                    release(older, gone);
                }
            }
            figures.dirty.setPlain(dirty.size());
        } finally {
            lock.unlock();
            giveBack(gone);
        }
    }

    /// Takes the dirty versions that were committed first, at most as many as `batch` has room for
    /// and none of a group after `through`. They are being written until [#written].
    ///
    /// @return how many
    public int takeDirty(@Nullable Page[] batch, long through) {
        int n = 0;
        lock.lock();
        try {
            for (Page p : dirty.values()) {
                if (n == batch.length || p.group > through) {
                    break;
                }
                if (!p.writing) {
                    p.writing = true;
                    p.keeps++;
                    batch[n++] = p;
                }
            }
        } finally {
            lock.unlock();
        }
        return n;
    }

    /// The writing of a version ended.
    ///
    /// @param ok it is in place: it is clean if it is still the newest durable one
    public void written(Page p, boolean ok) {
        Freed gone = new Freed();
        lock.lock();
        try {
            assert p.writing : p;
            p.writing = false;
            if (ok && dirty.get(p.number) == p) {
                dirty.remove(p.number);
                figures.dirty.setPlain(dirty.size());
                p.state = State.CLEAN;
                if (p.current && p.reclaimSoon) {
                    p.reclaimSoon = false;
                    trees.remove(p);
                    trees.addOldest(p);
                }
                release(p, gone);
            }
            release(p, gone);
        } finally {
            lock.unlock();
            giveBack(gone);
        }
    }

    /// The lock, for shrinkers: they enter it as their permissions allow and call the methods that
    /// say so.
    public Lock lock() {
        return lock;
    }

    /// Marks dirty versions to be reclaimed when they are clean. The caller holds the lock.
    ///
    /// @return how many
    public int markDirty(long looks) {
        assert lock.isHeldByCurrentThread();
        int n = 0;
        for (Page p : dirty.values()) {
            if (n == looks) {
                break;
            }
            p.reclaimSoon = true;
            n++;
        }
        return n;
    }

    /// Drops everything: the store is closing and nobody uses it.
    public void clear() {
        Freed gone = new Freed();
        lock.lock();
        try {
            Page[] all = new Page[table.size()];
            int[] n = new int[1];
            table.forEach(p -> all[n[0]++] = p);
            for (Page p : all) {
                detach(p, gone);
            }
            for (Page p : dirty.values()) {
                release(p, gone);
            }
            dirty.clear();
            figures.dirty.setPlain(0);
        } finally {
            lock.unlock();
            giveBack(gone);
        }
    }

    /// A group that will never be durable lets its versions go: the store failed or is closing.
    public void abandon(Collection<Page> group) {
        Freed gone = new Freed();
        lock.lock();
        try {
            for (Page p : group) {
                figures.logged.decrementAndGet();
                release(p, gone);
            }
        } finally {
            lock.unlock();
            giveBack(gone);
        }
    }

    /// The figures.
    public CacheFigures figures() {
        return figures;
    }

    boolean locked() {
        return lock.isHeldByCurrentThread();
    }

    PageLru values() {
        return values;
    }

    PageLru trees() {
        return trees;
    }

    private void list(Page p) {
        if (p.tree()) {
            trees.add(p);
            figures.trees.setPlain(trees.size());
        } else {
            values.add(p);
            figures.values.setPlain(values.size());
        }
    }

    /// Takes `p` out of table and LRU; the table keeps it no more.
    void detach(Page p, Freed freed) {
        assert p.current : p;
        table.remove(p.number);
        p.current = false;
        if (p.tree()) {
            trees.remove(p);
            figures.trees.setPlain(trees.size());
        } else {
            values.remove(p);
            figures.values.setPlain(values.size());
        }
        release(p, freed);
    }

    private static void release(Page p, Freed freed) {
        assert p.keeps > 0 : p;
        if (--p.keeps == 0) {
            freed.add(p);
        }
    }

    long giveBack(Freed freed) {
        int n = freed.giveBack(pool);
        if (n != 0) {
            figures.frames.addAndGet(-n);
        }
        return n;
    }

    /// Walks the invariants and throws on the first that fails.
    public void verify() {
        lock.lock();
        try {
            values.verify();
            trees.verify();
            int[] listed = new int[1];
            table.forEach(p -> {
                boolean wanted = p.state != State.LOADING;
                if (!p.current || (p.list != null) != wanted || p.keeps < 1
                        || p.state == State.SHADOW) {
                    throw new IllegalStateException("cache invariant 1 or 2: " + p);
                }
                listed[0] += wanted ? 1 : 0;
            });
            if (listed[0] != values.size() + trees.size()) {
                throw new IllegalStateException("cache invariant 2: " + listed[0]
                        + " in the table, " + values.size() + " + " + trees.size() + " listed");
            }
            for (Page p : dirty.values()) {
                if (p.state != State.DIRTY || p.keeps < 1) {
                    throw new IllegalStateException("cache invariant 3: " + p);
                }
            }
        } finally {
            lock.unlock();
        }
    }
}
