package dev.polder.slab;

import dev.polder.base.Check;
import dev.polder.base.CloseSteps;
import dev.polder.base.Counted;
import dev.polder.base.Frames;
import dev.polder.debug.DebugMode;
import dev.polder.debug.FaultInjector;
import dev.polder.debug.Findings;
import dev.polder.debug.ObjectTrack;
import dev.polder.debug.Sampling;
import dev.polder.memgroup.ChargeAudit;
import dev.polder.os.MappingBudget;
import dev.polder.page.PageAllocator;
import dev.polder.shrink.InternalReclaimer;
import dev.polder.task.Task;
import dev.polder.zone.FrameTable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// What all object caches of one pool share: their list, the room for sheaves, the way from an
/// address to its slab, and their part in reclaim. The kernel's `slab_caches`.
public final class Slabs {
    /// All sheaves of a pool together hold at most this part of it.
    private static final int SHEAF_SHARE = 16;
    /// Caches that share the room for sheaves before later ones go without: `kmalloc`'s 13 and a
    /// pool's own, with half of the room left over for sheaves in the depots.
    private static final int EXPECTED_CACHES = 32;
    /// A sheaf that would hold more bytes than this has fewer objects.
    private static final long MAX_SHEAF_BYTES = 64 << 10;
    /// The same for sheaves of runs: 64 runs of 16 KiB.
    private static final long MAX_RUN_SHEAF_BYTES = 1 << 20;
    /// Sheaves of runs that fit into the room for all, so that two threads may have theirs of some
    /// orders, and one run may be kept that is larger: at most a few of them.
    private static final int RUN_SHEAVES = 64;
    private static final int LARGEST_RUNS = 16;
    /// Above this many stripes threads meet seldom enough, and more would only hold memory.
    private static final int MAX_STRIPES = 16;

    private static final @Nullable Slab[] NO_SLABS = {};

    private final PageAllocator pages;
    private final FrameTable frames;
    private final long base;
    // The slab of each frame, if it has one: what the frame table knows too, without a cast. Empty
    // once the pool is closed: one test says both
    private @Nullable Slab[] slabOfFrame;
    private final int stripes;
    private final int poolIndex = Numbers.POOLS.take();
    private final int tablePool = SheafTable.newPool();
    private final CopyOnWriteArrayList<SlabCache> caches = new CopyOnWriteArrayList<>();
    private final Numbers cacheNumbers = new Numbers();
    private final ThreadRegistry threads;
    private final long sheafLimit;
    // Sum over all sheaves of capacity × object size, filled or not; at most sheafLimit
    private final AtomicLong sheafBytes = new AtomicLong();
    private final @Nullable SlabDebug debug;
    private final LargeObjects large;
    private @Nullable Kfence kfence;
    private volatile boolean sharedClosed;
    private volatile FaultInjector faults = FaultInjector.NONE;
    private final CopyOnWriteArrayList<Runnable> atClose = new CopyOnWriteArrayList<>();
    private final AtomicBoolean closed = new AtomicBoolean();

    /// The caches of the pool that `pages` belongs to. One for a pool.
    public Slabs(PageAllocator pages) {
        this(pages, DebugMode.OFF, new Findings(""));
    }

    /// The same with a debug mode, which tells `findings`.
    public Slabs(PageAllocator pages, DebugMode mode, Findings findings) {
        this.pages = Objects.requireNonNull(pages, "pages");
        this.frames = pages.frames();
        this.base = pages.memory().base();
        this.slabOfFrame = new Slab[frames.size()];
        this.sheafLimit = Frames.bytes(frames.size()) / SHEAF_SHARE;
        this.stripes = stripesFor(Runtime.getRuntime().availableProcessors());
        this.threads = new ThreadRegistry(this, sheafLimit / 2);
        this.debug = mode.on() ? new SlabDebug(this, mode, findings) : null;
        slowDoor(debug != null);
        this.large = new LargeObjects(this);
        pages.shrinkers().addInternal(new SheafReclaimer(this));
        pages.shrinkers().addInternal(new EmptySlabReclaimer(this));
        pages.above(this::largestCache);
    }

    private @Nullable String largestCache() {
        return stats().stream().filter(s -> s.frames() > 0)
                .max(Comparator.comparingLong(SlabCacheStats::frames))
                .map(s -> "cache " + s.name() + " (" + Frames.bytes(s.frames()) + " bytes, "
                        + Counted.of(s.activeObjects(), "object") + " in use)").orElse(null);
    }

    /// Figures of every open cache, in the order of creation, `kmalloc`'s among them.
    public List<SlabCacheStats> stats() {
        List<SlabCacheStats> out = new ArrayList<>();
        for (SlabCache cache : caches) {
            out.add(cache.stats());
        }
        return out;
    }

    /// Asks `f` before each object that may fail, with the site `object:` and the cache's name. The
    /// kernel's `failslab`.
    public void faultInjector(FaultInjector f) {
        faults = Objects.requireNonNull(f, "f");
        slowDoor(f != FaultInjector.NONE || debug != null);
    }

    /// Sends every request and every free through the slow path of its cache, where somebody looks
    /// at it: the threads lose their sheaves, or may have them again.
    void slowDoor(boolean all) {
        sharedClosed = all;
        threads.suspend(all);
    }

    /// Whether the current thread is a virtual one that may use the stripes' sheaves without a look
    /// at itself or the pool: none of its kind is in reclaim or in a group, and nobody watches.
    boolean sharedDoor() {
        return !sharedClosed && Task.noVirtualApart() && Thread.currentThread().isVirtual();
    }

    /// Bytes that all sheaves could hold, at most a sixteenth of the pool.
    public long sheafBytes() {
        return sheafBytes.get();
    }

    /// Frames of all slabs (`Slab` in meminfo).
    public long frames() {
        long sum = 0;
        for (SlabCache cache : caches) {
            sum += cache.frames();
        }
        return sum;
    }

    /// Frames that would come back if every sheaf and empty slab were given up, about
    /// (`SReclaimable`).
    public long reclaimableFrames() {
        return sheafFrames() - large.cachedFrames() + emptyFrames();
    }

    /// Appends a line for each cache, with the columns of `/proc/slabinfo`.
    public void showSlabs(StringBuilder out) {
        out.append("# name            <active_objs> <num_objs> <objsize> <cached_objs> <slabs>"
                + " <pages>\n");
        for (SlabCacheStats s : stats()) {
            out.append(pad(s.name(), -17)).append(pad(s.activeObjects(), 14))
                    .append(pad(s.objects(), 11)).append(pad(s.objectSize(), 10))
                    .append(pad(s.cachedObjects(), 14)).append(pad(s.slabs(), 8))
                    .append(pad(s.frames(), 8)).append('\n');
        }
    }

    /// Sends the objects in all sheaves to their slabs, and empty slabs back to their pages.
    ///
    /// @return the number of frames that went back
    public long shrinkAll() {
        return drainSheaves() + shrinkEmpty(Long.MAX_VALUE);
    }

    /// Refuses frees from now on and takes the sheaves away, so that no object is handed out that a
    /// closed pool should have refused. For the pool's `close`, before its memory goes.
    public void close() {
        if (closed.getAndSet(true)) {
            return;
        }
        slabOfFrame = NO_SLABS;
        // An object that came back twice is found here, and keeps nothing else.
        CloseSteps steps = new CloseSteps();
        steps.run(threads::close);
        for (SlabCache cache : caches) {
            steps.run(cache::closeSheaves);
        }
        steps.run(large::close);
        steps.run(() -> Numbers.POOLS.give(poolIndex));
        atClose.forEach(steps::run);
        steps.finish();
    }

    /// Runs `r` when the pool closes; for layers above that have threads waiting.
    public void atClose(Runnable r) {
        atClose.add(r);
    }

    /// Takes back what [#atClose] was given.
    public void notAtClose(Runnable r) {
        atClose.remove(r);
    }

    /// Walks every invariant of every cache and throws on the first that fails. Only while nobody
    /// takes or gives.
    public void verify() {
        for (SlabCache cache : caches) {
            cache.verify();
        }
        large.verify();
        threads.verify();
        if (debug != null) {
            debug.verify(caches);
        }
        Kfence k = kfence;
        if (k != null) {
            k.verify();
        }
        long reserved = sheafBytes.get();
        Check.that(reserved >= 0 && reserved <= sheafLimit,
                "the sheaves hold more than their share of the pool");
    }

    /// Shows every object that is charged to a group. Only while nobody takes or gives.
    public void audit(ChargeAudit audit) {
        for (SlabCache cache : caches) {
            cache.forEachSlab(slab -> slab.audit(audit));
        }
        Kfence k = kfence;
        if (k != null) {
            k.audit(audit);
        }
    }

    /// Shows the size and the taker of each object in use, in debug mode. Only while nobody takes
    /// or gives.
    public void forEachTrack(Consumer<ObjectTrack> visitor) {
        if (debug != null) {
            debug.forEachLive(caches, visitor);
        }
    }

    PageAllocator pages() {
        return pages;
    }

    /// Samples some objects from now on, if it can be done. Before anybody takes one.
    public void sample(MappingBudget budget, Sampling sampling, Findings findings) {
        // Debug mode watches every object by itself.
        kfence = debug == null ? Kfence.of(pages, budget, sampling, findings) : null;
    }

    /// Which sampled objects a fault with this stack may have touched, appended as text.
    public void explain(StackTraceElement[] fault, StringBuilder out) {
        Kfence k = kfence;
        if (k != null) {
            k.explain(fault, out);
        }
    }

    /// Gives the sampler's mappings back, after the pool's memory was closed.
    public void releaseMappings() {
        Kfence k = kfence;
        kfence = null;
        if (k != null) {
            k.close();
        }
    }

    /// The sampler, or null.
    @Nullable Kfence kfence() {
        return kfence;
    }

    /// The sampled object in use that begins at `address`, or null.
    @Nullable SampledSlot sampledAt(long address) {
        Kfence k = kfence;
        SampledSlot slot = k == null ? null : k.slotAt(address);
        return slot != null && slot.object == address && slot.isLive() ? slot : null;
    }

    /// Frees a sampled object; false if there is none.
    boolean freeSampled(long address) {
        Kfence k = kfence;
        SampledSlot slot = sampledAt(address);
        return k != null && slot != null && k.free(slot);
    }

    /// The objects of `kmalloc` that are runs of pages.
    LargeObjects large() {
        return large;
    }

    /// Frames of free runs that `kmalloc` keeps in sheaves, about.
    public long cachedRunFrames() {
        return large.cachedFrames();
    }

    /// What watches the objects, or null.
    @Nullable SlabDebug debug() {
        return debug;
    }

    /// Red zone of a cache: none without debug mode.
    int gap(int objectSize) {
        return debug == null ? 0 : SlabDebug.gap(objectSize);
    }

    FaultInjector faultInjector() {
        return faults;
    }

    /// A number for a new cache.
    int newNumber() {
        return cacheNumbers.take();
    }

    /// A key for the cache with that number ([SheafTable]).
    long newKey(int cacheNumber) {
        return SheafTable.newKey(tablePool, cacheNumber);
    }

    /// Enters a cache, once it is complete.
    void add(SlabCache cache) {
        caches.add(cache);
    }

    /// Forgets a closed cache. Its number is given again only if no thread has a sheaf of it any
    /// longer.
    void remove(SlabCache cache, boolean recalled) {
        caches.remove(cache);
        if (recalled) {
            cacheNumbers.give(cache.number());
        }
    }

    ThreadRegistry threads() {
        return threads;
    }

    /// The pool's number among those that are open, for the place in [Task#poolState].
    int poolIndex() {
        return poolIndex;
    }

    /// The slab that `address` lies in, or null. Far outside the pool it may be any: then no object
    /// starts there ([Slab#indexOf]).
    @Nullable Slab slabAt(long address) {
        int pfn = (int) ((address - base) >>> Frames.SHIFT);
        @Nullable Slab[] table = slabOfFrame;
        if (Integer.compareUnsigned(pfn, table.length) < 0) {
            return table[pfn];
        }
        requireOpen();
        return null;
    }

    /// Records the slab of a run's frames, or with null that there is none any longer.
    void slabOfRun(long run, int order, @Nullable Slab slab) {
        frames.owner(run, 1L << order, slab);
        @Nullable Slab[] table = slabOfFrame;
        if (table.length > 0) {
            Arrays.fill(table, (int) run, (int) run + (1 << order), slab);
        }
    }

    /// The owner of the frame that `address` lies in; null for none and outside the linear map.
    @Nullable Object ownerAt(long address) {
        requireOpen();
        long pfn = (address - base) >>> Frames.SHIFT;
        return pfn < frames.size() ? frames.owner(pfn) : null;
    }

    void requireOpen() {
        if (closed.get()) {
            throw new IllegalStateException("pool '" + pages.pool()
                    + "' is closed; its memory is gone");
        }
    }

    /// The slab of an object that the caller holds, also while the pool closes.
    Slab slabOf(long object) {
        Slab slab = (Slab) frames.owner((object - base) >>> Frames.SHIFT);
        if (slab == null) {
            throw Check.broken("an object without a slab");
        }
        return slab;
    }

    /// The exception for a question about `address` to `where`, which has no such object in use.
    IllegalArgumentException notInUse(long address, Object where) {
        return Check.badAddress(address, "is no object of " + where + " in use: it "
                + new AddressDescription(this, pages).describe(address));
    }

    /// The exception for a free of `address` at `where`, which cannot take it.
    IllegalArgumentException wrongFree(long address, Object where) {
        return Check.badAddress(address, "cannot be freed as an object of " + where + ": it "
                + new AddressDescription(this, pages).describe(address));
    }

    /// Whether [#reserve] would find room now.
    boolean mayReserve(Sheaved whose, long bytes) {
        return sheafBytes.get() + bytes <= whose.room(sheafLimit);
    }

    /// Room for one more sheaf of `bytes` when full; false if the share is used up.
    boolean reserve(Sheaved whose, long bytes) {
        long limit = whose.room(sheafLimit);
        for (;;) {
            long now = sheafBytes.get();
            if (now + bytes > limit) {
                return false;
            }
            if (sheafBytes.compareAndSet(now, now + bytes)) {
                return true;
            }
        }
    }

    void unreserve(long bytes) {
        long now = sheafBytes.addAndGet(-bytes);
        assert now >= 0 : "sheaves gave back more room than they had";
    }

    /// Stripes of a cache, a power of two.
    int stripes() {
        return stripes;
    }

    /// Objects in a sheaf of a cache of `objectSize`, so that two sheaves a stripe of every
    /// expected cache take half of the room; 0 where not even one object fits.
    int sheafCapacity(int objectSize) {
        if (debug != null) {
            return 0;
        }
        long share = sheafLimit / 2 / EXPECTED_CACHES / (2L * stripes);
        long bytes = Math.min(MAX_SHEAF_BYTES, share);
        return (int) Math.min(StripedSheaves.MAX_CAPACITY, bytes / objectSize);
    }

    /// Runs in a sheaf of that order; 0 where not even one is worth keeping.
    int runCapacity(int order) {
        long size = Frames.SIZE << order;
        if (debug != null || size > sheafLimit / LARGEST_RUNS) {
            return 0;
        }
        long bytes = Math.min(MAX_RUN_SHEAF_BYTES, sheafLimit / RUN_SHEAVES);
        return Math.clamp(bytes / size, 1, StripedSheaves.MAX_CAPACITY);
    }

    long sheafFrames() {
        long bytes = threads.cachedBytes();
        for (SlabCache cache : caches) {
            bytes += cache.sheaves().objects() * cache.objectSize();
        }
        return (bytes >> Frames.SHIFT) + large.depotFrames();
    }

    long emptyFrames() {
        long sum = 0;
        for (SlabCache cache : caches) {
            sum += cache.emptyFrames();
        }
        return sum;
    }

    long drainSheaves() {
        long freed = threads.drain() + large.drain();
        for (SlabCache cache : caches) {
            freed += cache.drainSheaves();
        }
        return freed;
    }

    long shrinkEmpty(long wantFrames) {
        long freed = 0;
        for (SlabCache cache : caches) {
            if (freed >= wantFrames) {
                break;
            }
            freed += cache.shrink();
        }
        return freed;
    }

    /// Two stripes a processor, so that threads that share one by chance are few.
    private static int stripesFor(int processors) {
        int wanted = Math.min(MAX_STRIPES, 2 * processors);
        return Integer.highestOneBit(Math.max(2, wanted));
    }

    private static String pad(Object value, int width) {
        String text = value.toString();
        String blanks = " ".repeat(Math.max(1, Math.abs(width) - text.length()));
        return width < 0 ? text + blanks : blanks + text;
    }

    /// Calls the sheaves' objects home before any consumer is asked: nobody uses them. Slabs that
    /// this empties go back at once, as every slab does that a thread in reclaim empties.
    private record SheafReclaimer(Slabs slabs) implements InternalReclaimer {
        @Override
        public Phase phase() {
            return Phase.BEFORE_CONSUMERS;
        }

        @Override
        public String name() {
            return "slab-sheaves";
        }

        @Override
        public long reclaimableFrames() {
            return slabs.sheafFrames();
        }

        @Override
        public long reclaim(long wantFrames) {
            return slabs.drainSheaves();
        }
    }

    /// Gives empty slabs back after the consumers, whose frees made them.
    private record EmptySlabReclaimer(Slabs slabs) implements InternalReclaimer {
        @Override
        public Phase phase() {
            return Phase.AFTER_CONSUMERS;
        }

        @Override
        public String name() {
            return "empty-slabs";
        }

        @Override
        public long reclaimableFrames() {
            return slabs.emptyFrames();
        }

        @Override
        public long reclaim(long wantFrames) {
            return slabs.shrinkEmpty(wantFrames);
        }
    }
}
