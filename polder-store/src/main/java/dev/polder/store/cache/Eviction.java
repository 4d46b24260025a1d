package dev.polder.store.cache;

import dev.polder.store.cache.Page.State;

/// One scan of a cache by one shrinker call: made before the cache's lock is taken, used under it,
/// finished after it is open again.
///
/// How the lock is entered, and what may be waited for, is the shrinker's decision.
public final class Eviction {
    private final PageCache cache;
    private final Freed freed = new Freed();
    private final long[] looks = new long[1];
    private long waitFor;
    private int dirtySeen;

    /// A scan of `cache`.
    public Eviction(PageCache cache) {
        this.cache = cache;
    }

    /// Evicts clean value pages. With the lock held.
    ///
    /// @param most pages to look at
    public void values(long most) {
        assert cache.locked();
        PageLru values = cache.values();
        looks[0] = most;
        for (Page p = values.oldest(looks); p != null; p = values.oldest(looks)) {
            if (p.keeps > 1) {
                values.rotate(p);
            } else {
                assert p.state == State.CLEAN : p;
                evict(p);
            }
        }
    }

    /// Evicts clean structured pages and their nodes, oldest first; marks dirty ones. Stops at one
    /// whose group is not durable if `mayWait`, and passes it otherwise. With the lock held; the
    /// running group joined if it may wait.
    ///
    /// @param most pages to look at
    public void nodes(long most, boolean mayWait) {
        assert cache.locked();
        PageLru trees = cache.trees();
        looks[0] = most;
        for (Page p = trees.oldest(looks); p != null; p = trees.oldest(looks)) {
            if (p.state == State.LOGGED && mayWait) {
                waitFor = p.group;
                trees.rotate(p);
                return;
            }
            if (p.state == State.DIRTY) {
                p.reclaimSoon = true;
                dirtySeen++;
            }
            if (p.keeps > 1) {
                trees.rotate(p);
            } else {
                assert p.state == State.CLEAN : p;
                evict(p);
            }
        }
    }

    private void evict(Page p) {
        cache.detach(p, freed);
        cache.figures().evictions.increment();
    }

    /// Commit group that the oldest page waits for; 0 for none.
    public long waitFor() {
        return waitFor;
    }

    /// Dirty pages that were met and marked.
    public int dirtySeen() {
        return dirtySeen;
    }

    /// Gives what was evicted back to the pool. With the lock open.
    ///
    /// @return frames
    public long finish() {
        return cache.giveBack(freed);
    }
}
