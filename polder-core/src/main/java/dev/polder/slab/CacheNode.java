package dev.polder.slab;

import dev.polder.base.Check;
import dev.polder.page.PageAllocator;
import dev.polder.zone.FrameTable;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// The slabs of one cache and the free objects in them. The kernel's `struct kmem_cache_node`.
///
/// Notes
///
/// A slab is on exactly one list, by its free map: full (no object in the map), partial, empty (all
/// of them). Everything here is guarded by one lock, which is held over no page request, no return
/// of a run and no callback (R1, R2): a slab that is to go leaves the books under the lock and is
/// released after it.
final class CacheNode {
    /// Empty slabs that stay for the next request; each beyond goes back to its pages on free.
    private static final int MAX_EMPTY_SLABS = 2;

    private final SlabCache cache;
    private final PageAllocator pages;
    private final ReentrantLock lock = new ReentrantLock();

    // slabs   = full.size + partial.size + empty.size
    // objects = sum of the slabs' capacities = in use + in sheaves + inSlabs
    // inSlabs = sum of the slabs' freeCounts
    // frames  = sum over the slabs of 2^order
    private final SlabList partial = new SlabList("partial");
    private final SlabList full = new SlabList("full");
    private final SlabList empty = new SlabList("empty");
    private long objects;
    private long inSlabs;
    private long frames;
    private boolean closed;

    CacheNode(SlabCache cache, PageAllocator pages) {
        this.cache = cache;
        this.pages = pages;
    }

    /// Takes an object, and fills `sheaf` if there is one; a `fresh` slab joins the others before.
    ///
    /// @return the object, or 0 if no slab has one
    /// @throws IllegalStateException if the cache is closed; the fresh slab is released then
    long take(@Nullable Sheaf sheaf, @Nullable Slab fresh) {
        lock.lock();
        try {
            if (!closed) {
                if (fresh != null) {
                    add(fresh);
                }
                // From the fresh one first, or several threads at once could leave it empty.
                long object = fresh != null ? takeOne(fresh) : takeOne();
                if (object != 0 && sheaf != null) {
                    fill(sheaf);
                }
                return object;
            }
        } finally {
            lock.unlock();
        }
        release(fresh);
        throw new IllegalStateException(cache + " of pool '" + pages.pool() + "' is closed");
    }

    /// Puts a free object into its slab.
    ///
    /// @param reclaim whether the thread is in reclaim: slabs that it empties go back at once, they
    ///        are what it works for
    void put(Slab slab, long address, boolean reclaim) {
        Slab gone;
        lock.lock();
        try {
            gone = put(slab, address, keep(reclaim), null);
        } finally {
            lock.unlock();
        }
        release(gone);
    }

    /// Puts every object of `sheaf`, which the caller alone holds, into its slab.
    ///
    /// @return the number of frames that became free by it
    long put(Sheaf sheaf, boolean reclaim) {
        if (sheaf.isEmpty()) {
            return 0;
        }
        Slab gone = null;
        lock.lock();
        try {
            while (!sheaf.isEmpty()) {
                long address = sheaf.pop();
                gone = put(cache.slabs().slabOf(address), address, keep(reclaim), gone);
            }
        } finally {
            lock.unlock();
        }
        return release(gone);
    }

    /// Gives every empty slab back to its pages; the number of frames.
    long shrink() {
        Slab gone = null;
        lock.lock();
        try {
            for (Slab slab = empty.first(); slab != null; slab = empty.first()) {
                gone = retire(slab, gone);
            }
        } finally {
            lock.unlock();
        }
        return release(gone);
    }

    /// Gives a slab, one of whose objects the caller holds, room for payers.
    void makePayers(Slab slab) {
        if (slab.hasPayers()) {
            return;
        }
        lock.lock();
        try {
            slab.makePayers();
        } finally {
            lock.unlock();
        }
    }

    /// Refuses requests from now on.
    ///
    /// @param elsewhere objects in use that lie in no slab
    /// @throws IllegalStateException if objects are in use; nothing changed then
    void close(long elsewhere) {
        lock.lock();
        try {
            long live = live(full) + live(partial) + elsewhere;
            if (live > 0) {
                throw new IllegalStateException(cache + " cannot be closed: " + live
                        + " of its objects are in use; free them first");
            }
            closed = true;
        } finally {
            lock.unlock();
        }
    }

    /// Frames of all slabs.
    long frames() {
        lock.lock();
        try {
            return frames;
        } finally {
            lock.unlock();
        }
    }

    /// Frames of empty slabs.
    long emptyFrames() {
        lock.lock();
        try {
            long sum = 0;
            for (Slab slab = empty.first(); slab != null; slab = slab.next) {
                sum += 1L << slab.order;
            }
            return sum;
        } finally {
            lock.unlock();
        }
    }

    /// The figures, given how many free objects lie in sheaves and how many in use in no slab.
    SlabCacheStats stats(long cached, long elsewhere) {
        lock.lock();
        try {
            return new SlabCacheStats(cache.name(), cache.objectSize(),
                    Math.max(0, objects - inSlabs - cached) + elsewhere,
                    objects + elsewhere, cached,
                    full.size() + partial.size() + empty.size(), empty.size(), frames);
        } finally {
            lock.unlock();
        }
    }

    /// Walks every invariant, given the objects in sheaves. Only while nobody takes or gives.
    void verify(Set<Long> cached) {
        lock.lock();
        try {
            for (long address : cached) {
                verifyCached(address);
            }
            long[] sums = new long[4];
            verify(full, sums);
            verify(partial, sums);
            verify(empty, sums);
            Check.that(sums[0] == objects, "a cache's objects are not the sum of its slabs'");
            Check.that(sums[1] == inSlabs, "a cache's free count is not the sum of its slabs'");
            Check.that(sums[2] == frames, "a cache's frames are not the sum of its slabs'");
            Check.that(objects == sums[3] + inSlabs + cached.size(),
                    "a cache's objects are not the sum of those in use, in sheaves and in slabs");
            Check.that(empty.size() <= MAX_EMPTY_SLABS, "a cache keeps too many empty slabs");
        } finally {
            lock.unlock();
        }
    }

    /// Shows every slab. Only while nobody takes or gives.
    void forEachSlab(Consumer<Slab> visitor) {
        for (SlabList list : new SlabList[] {partial, full, empty}) {
            for (Slab slab = list.first(); slab != null; slab = slab.next) {
                visitor.accept(slab);
            }
        }
    }

    /// True if the calling thread holds the lock; for the assertion of R1.
    boolean isLocked() {
        return lock.isHeldByCurrentThread();
    }

    /// Empty slabs that stay; none in a closed cache, whose last objects may come from a thread's
    /// sheaf that the close could not get.
    private int keep(boolean reclaim) {
        return reclaim || closed ? 0 : MAX_EMPTY_SLABS;
    }

    private void fill(Sheaf sheaf) {
        while (!sheaf.isFull()) {
            long object = takeOne();
            if (object == 0) {
                return;
            }
            sheaf.push(object);
        }
    }

    private long takeOne() {
        Slab slab = partial.first();
        if (slab == null) {
            slab = empty.first();
            if (slab == null) {
                return 0;
            }
        }
        return takeOne(slab);
    }

    private long takeOne(Slab slab) {
        long object = slab.take();
        inSlabs--;
        relist(slab);
        return object;
    }

    /// Puts an object into its slab; the slab joins `gone` if that made one empty slab too many.
    private @Nullable Slab put(Slab slab, long address, int keep, @Nullable Slab gone) {
        slab.put(address);
        inSlabs++;
        relist(slab);
        return slab.list == empty && empty.size() > keep ? retire(slab, gone) : gone;
    }

    private void add(Slab slab) {
        empty.addFirst(slab);
        objects += slab.capacity();
        inSlabs += slab.capacity();
        frames += 1L << slab.order;
    }

    /// Takes an empty slab off the books, to be released once the lock is free.
    private Slab retire(Slab slab, @Nullable Slab gone) {
        assert slab.freeCount() == slab.capacity() : "only a slab without an object in use retires";
        empty.remove(slab);
        objects -= slab.capacity();
        inSlabs -= slab.capacity();
        frames -= 1L << slab.order;
        slab.next = gone;
        return slab;
    }

    private void relist(Slab slab) {
        SlabList from = slab.list;
        if (from == null) {
            throw Check.broken("an object belongs to a slab that its cache gave up");
        }
        SlabList to = slab.freeCount() == 0 ? full
                : slab.freeCount() == slab.capacity() ? empty : partial;
        if (from == to) {
            return;
        }
        from.remove(slab);
        // Slabs that just got their first free object go last: the fuller ones are used up first,
        // and the emptier ones get a chance to become empty.
        if (from == full) {
            to.addLast(slab);
        } else {
            to.addFirst(slab);
        }
    }

    /// Gives retired slabs, linked through `next`, back to their pages; the number of frames.
    private long release(@Nullable Slab gone) {
        assert !isLocked() : "no lock of a cache is held while a run is given back";
        SlabDebug debug = cache.slabs().debug();
        long sum = 0;
        Slab slab = gone;
        while (slab != null) {
            Slab after = slab.next;
            slab.next = null;
            if (debug != null) {
                debug.leaving(slab);
            }
            cache.slabs().slabOfRun(slab.run, slab.order, null);
            pages.free(slab.run);
            sum += 1L << slab.order;
            slab = after;
        }
        return sum;
    }

    private static long live(SlabList list) {
        long live = 0;
        for (Slab slab = list.first(); slab != null; slab = slab.next) {
            live += slab.live();
        }
        return live;
    }

    private void verifyCached(long address) {
        Slab slab = cache.slabs().slabAt(address);
        if (slab == null || slab.cache != cache) {
            throw Check.broken("a sheaf of " + cache + " holds an address of somebody else");
        }
        int index = slab.indexOf(address);
        Check.that(index >= 0, "a sheaf holds an address inside an object");
        Check.that(slab.state(index) == Slab.FREE, "a sheaf holds an object in use");
        Check.that(!slab.isInMap(index), "an object lies in a sheaf and in its slab");
    }

    /// Checks one list and adds objects, free ones, frames and objects in use to `sums`.
    private void verify(SlabList list, long[] sums) {
        list.verify();
        FrameTable table = pages.frames();
        for (Slab slab = list.first(); slab != null; slab = slab.next) {
            Check.that(slab.cache == cache, "a slab of another cache");
            slab.verify();
            boolean isFull = slab.freeCount() == 0;
            boolean isEmpty = slab.freeCount() == slab.capacity();
            Check.that((list == full) == isFull && (list == empty) == isEmpty,
                    "a slab is on a list that does not fit its free objects");
            for (long f = slab.run; f < slab.run + (1L << slab.order); f++) {
                Check.that(table.owner(f) == slab, "a slab's frame has another owner");
                Check.that(cache.slabs().slabAt(pages.address(f)) == slab,
                        "a slab's frame leads to another slab");
            }
            Check.that(table.isHead(slab.run), "a slab does not begin a run");
            Check.that(table.order(slab.run) == slab.order, "a slab and its run differ in size");
            sums[0] += slab.capacity();
            sums[1] += slab.freeCount();
            sums[2] += 1L << slab.order;
            sums[3] += slab.live();
        }
    }
}
