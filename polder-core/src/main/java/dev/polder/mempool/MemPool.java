package dev.polder.mempool;

import dev.polder.base.Check;
import dev.polder.base.Frames;
import dev.polder.debug.FaultInjector;
import dev.polder.gfp.FsReclaim;
import dev.polder.gfp.Gfp;
import dev.polder.os.Clock;
import dev.polder.os.WaitQueue;
import dev.polder.page.NonBlockingThreads;
import dev.polder.page.PageAllocator;
import dev.polder.slab.SlabCache;
import dev.polder.slab.SlabCache.Holder;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// Objects of one cache with a reserve, so that work which frees memory can always go on. The
/// kernel's `mempool_t`.
///
/// A request whose mask may block never comes back empty: when neither the cache nor the reserve
/// has an element it waits until one is given back. That ends only if elements in use are freed
/// without the waiter's help (row J7): do not hold one element of a pool while asking
/// for another.
///
/// Notes
///
/// Elements that users hold are marked as lent and those in the reserve as reserved, so that
/// nobody's `SlabCache.free` can take them past the reserve, and an element given back twice is
/// caught wherever it lies by then.
public final class MemPool implements AutoCloseable {
    /// The longest a waiter sleeps before it asks the cache again, 5 s (J3): memory may have come
    /// free that nobody gave to this pool.
    static final long MAX_SLEEP_NANOS = 5 * Clock.HZ * Clock.TICK_NANOS;

    /// More elements than that are no reserve for requests that must go on at once; 8 MiB of heap
    /// to remember them.
    public static final int MAX_MINIMUM = 1 << 20;

    private final SlabCache cache;
    /// What a waiter waits for, in the lock checker's reports: the same in every run.
    private final String name;
    private final PageAllocator pages;
    private final String faultSite;
    private final int minimum;
    private final WaitQueue waiters;
    private final Runnable wake;
    private final AtomicLong waits = new AtomicLong();
    private volatile FaultInjector faults = FaultInjector.NONE;

    private final ReentrantLock lock = new ReentrantLock();
    private final long[] reserve;
    // Guarded by lock for writing. 0 <= stored <= minimum
    private volatile int stored;
    // Elements of the cache held for this pool = stored + lent
    private final AtomicLong lent = new AtomicLong();
    private volatile boolean closed;

    /// A pool over `cache` with a reserve of `minimum` elements, taken now with `GFP_KERNEL`.
    ///
    /// @param minimum 0..[#MAX_MINIMUM]; how many requests must be able to go on at once. With 0
    ///     nothing is kept: who finds no element waits for one that is given back
    /// @throws IllegalArgumentException if `minimum` is out of range, or more than the pool has
    ///     memory for
    /// @throws IllegalStateException if there is no memory for the reserve; nothing is kept then
    public MemPool(SlabCache cache, int minimum) {
        this(cache, minimum, new long[checked(cache, minimum)]);
        if (!fill()) {
            throw new IllegalStateException("no memory for the " + minimum + " reserved elements"
                    + " of a pool over " + cache);
        }
    }

    private MemPool(SlabCache cache, int minimum, long[] reserve) {
        this.cache = Objects.requireNonNull(cache, "cache");
        this.pages = cache.pages();
        this.name = "the memory pool over cache " + cache.name();
        this.faultSite = "mempool:" + cache.name();
        this.minimum = minimum;
        this.reserve = reserve;
        this.waiters = new WaitQueue(pages.clock());
        this.wake = waiters::wakeAll;
    }

    /// As the constructor, but null if there is no memory for the reserve.
    public static @Nullable MemPool tryCreate(SlabCache cache, int minimum) {
        MemPool pool = new MemPool(cache, minimum, new long[checked(cache, minimum)]);
        return pool.fill() ? pool : null;
    }

    /// Takes an element. What it holds is what its last user left.
    ///
    /// @param wanted a set of [Gfp] bits without `__GFP_ZERO`
    /// @return its address; 0 for shortage, with a mask that may not block only
    /// @throws IllegalArgumentException if `wanted` has unknown bits or ZERO (J4)
    /// @throws IllegalStateException if this pool or the memory below it is closed, also while
    ///         waiting
    public long alloc(int wanted) {
        int gfp = NonBlockingThreads.narrow(Gfp.check(wanted));
        if ((gfp & Gfp.ZERO) != 0) {
            throw new IllegalArgumentException("a memory pool cannot zero its elements: they come"
                    + " back dirty from the reserve; clear what you need after alloc");
        }
        FsReclaim.mightAlloc(gfp, pages.reclaimer());
        // J2: the cache must fail fast and leave the reserves of the page allocator alone; also a
        // NOFAIL request, or it would wait there while the reserve here has an element.
        int full = (gfp | Gfp.NOMEMALLOC | Gfp.NORETRY | Gfp.NOWARN) & ~Gfp.NOFAIL;
        int mask = full & ~(Gfp.DIRECT_RECLAIM | Gfp.IO);
        boolean waited = false;
        for (;;) {
            // Before every look whose answer a wake-up may change
            long seen = waiters.sequence();
            requireOpen();
            long element = injected(gfp) ? 0 : cache.alloc(mask);
            if (element != 0) {
                cache.pass(element, Holder.USER, Holder.BORROWER);
                lent.incrementAndGet();
                if (waited && stored > 0) {
                    // This thread was woken for an element that it did not take.
                    waiters.wakeOne();
                }
                return element;
            }
            element = takeReserved();
            if (element != 0) {
                return element;
            }
            if (mask != full) {
                mask = full;
            } else if (Gfp.allowsBlocking(gfp)) {
                sleep(seen, gfp);
                waited = true;
            } else {
                return 0;
            }
        }
    }

    /// Gives an element back: to the reserve while that is not full, else to the cache. Never
    /// allocates, waits or calls a consumer.
    ///
    /// @param address what [#alloc] returned; 0 does nothing
    /// @throws IllegalArgumentException if `address` is not an element in use of a memory pool over
    ///         this cache
    public void free(long address) {
        if (address == 0) {
            return;
        }
        cache.pass(address, Holder.BORROWER, Holder.RESERVE);
        lent.decrementAndGet();
        // J5: whoever frees an element sees that the reserve was drawn on before the element was
        // lent, because it got the element after that; so one of the freers refills it.
        if (stored < minimum && putReserved(address)) {
            waiters.wakeOne();
            return;
        }
        cache.pass(address, Holder.RESERVE, Holder.USER);
        cache.free(address);
        if (minimum == 0) {
            // Its waiters wait for nothing else
            waiters.wakeOne();
        }
    }

    /// The number of elements that the reserve holds when full.
    public int minimum() {
        return minimum;
    }

    /// Elements in the reserve now.
    public int reserved() {
        return stored;
    }

    /// Elements in use.
    public long inUse() {
        return lent.get();
    }

    /// Threads that wait for an element now.
    public int waiting() {
        return waiters.waiters();
    }

    /// How often a request had to wait.
    public long waits() {
        return waits.get();
    }

    /// Asks `f` before each attempt on the cache, with the site `mempool:` and the cache's name;
    /// true makes the request use the reserve (row L5).
    public void faultInjector(FaultInjector f) {
        faults = Objects.requireNonNull(f, "f");
    }

    /// Gives the reserve back to the cache, which stays open. A second close does nothing, nor does
    /// one after the pool below was closed and took the elements with it.
    ///
    /// @throws IllegalStateException if elements are in use; the pool then stays open
    @Override
    public void close() {
        if (pages.ended()) {
            closed = true;
            return;
        }
        long out = lent.get();
        if (out > 0 && !closed) {
            throw new IllegalStateException("the memory pool over " + cache + " cannot be closed: "
                    + out + " of its elements are in use; give them back first");
        }
        closed = true;
        cache.slabs().notAtClose(wake);
        giveReserveBack();
        waiters.wakeAll();
    }

    /// Walks every invariant and throws on the first that fails. Only while nobody takes or gives.
    public void verify() {
        lock.lock();
        try {
            Check.that(stored >= 0 && stored <= minimum, "the reserve's count is out of range");
            Check.that(lent.get() >= 0, "more elements came back than were lent");
            Set<Long> seen = new HashSet<>();
            for (int i = 0; i < stored; i++) {
                Check.that(cache.isHeldBy(Holder.RESERVE, reserve[i]),
                        "the reserve holds what its cache does not know as reserved");
                Check.that(seen.add(reserve[i]), "the reserve holds an element twice");
            }
            Check.that(closed || lent.get() > 0 || stored == minimum,
                    "no element is in use and the reserve is not full");
        } finally {
            lock.unlock();
        }
    }

    @Override
    public String toString() {
        return "memory pool over " + cache + ": " + stored + " of " + minimum + " in reserve, "
                + lent.get() + " in use, " + waiting() + " waiting";
    }

    private boolean fill() {
        boolean full = false;
        try {
            full = takeReserve();
        } finally {
            // Also when a request throws: nobody has this pool yet, to close it.
            if (!full) {
                giveReserveBack();
            }
        }
        if (full) {
            cache.slabs().atClose(wake);
        }
        return full;
    }

    private boolean takeReserve() {
        for (int i = 0; i < minimum; i++) {
            long element = cache.alloc(Gfp.KERNEL);
            if (element == 0) {
                return false;
            }
            cache.pass(element, Holder.USER, Holder.RESERVE);
            boolean kept = putReserved(element);
            assert kept : "the reserve has room for its minimum";
        }
        return true;
    }

    private long takeReserved() {
        lock.lock();
        try {
            int n = stored;
            if (n == 0 || closed) {
                return 0;
            }
            long element = reserve[n - 1];
            stored = n - 1;
            cache.pass(element, Holder.RESERVE, Holder.BORROWER);
            lent.incrementAndGet();
            return element;
        } finally {
            lock.unlock();
        }
    }

    private boolean putReserved(long element) {
        lock.lock();
        try {
            int n = stored;
            if (n == minimum || closed) {
                return false;
            }
            reserve[n] = element;
            stored = n + 1;
            return true;
        } finally {
            lock.unlock();
        }
    }

    private void giveReserveBack() {
        long[] back;
        lock.lock();
        try {
            back = Arrays.copyOf(reserve, stored);
            stored = 0;
        } finally {
            lock.unlock();
        }
        for (long element : back) {
            cache.pass(element, Holder.RESERVE, Holder.USER);
            cache.free(element);
        }
    }

    /// Waits for an element, uninterruptibly, as the kernel does: an interrupt is kept for later.
    private void sleep(long seen, int gfp) {
        waits.incrementAndGet();
        FsReclaim.waitBegin(name, gfp);
        boolean interrupted = Thread.interrupted();
        try {
            waiters.await(seen, MAX_SLEEP_NANOS);
        } finally {
            FsReclaim.waitEnd(name);
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private boolean injected(int gfp) {
        FaultInjector f = faults;
        return f != FaultInjector.NONE && f.shouldFail(faultSite, 0, gfp);
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the memory pool over " + cache + " is closed");
        }
        if (pages.closing()) {
            throw new IllegalStateException("pool '" + pages.pool() + "' is closed; no element of"
                    + " a memory pool over " + cache + " can be had");
        }
    }

    private static int checked(SlabCache cache, int minimum) {
        Objects.requireNonNull(cache, "cache");
        if (minimum < 0 || minimum > MAX_MINIMUM) {
            throw new IllegalArgumentException("minimum must be 0.." + MAX_MINIMUM + ", not "
                    + minimum + "; a reserve is for the requests that must go on at once");
        }
        long bytes = (long) minimum * cache.objectSize();
        long all = Frames.bytes(cache.pages().memory().frames());
        if (bytes > all) {
            throw new IllegalArgumentException("minimum of " + minimum + " elements of "
                    + cache.objectSize() + " bytes is more than the " + all + " bytes of pool '"
                    + cache.pages().pool() + "'; keep fewer, or raise the budget");
        }
        return minimum;
    }
}
