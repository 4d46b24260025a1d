package dev.polder.slab;

import dev.polder.base.Check;
import dev.polder.base.Frames;
import dev.polder.debug.FaultInjector;
import dev.polder.gfp.AllowedMask;
import dev.polder.gfp.FsReclaim;
import dev.polder.gfp.Gfp;
import dev.polder.memgroup.MemGroup;
import dev.polder.page.PageAllocator;
import dev.polder.page.Role;
import dev.polder.task.Task;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// A cache of equal objects. The kernel's `struct kmem_cache`; Bonwick 1994.
///
/// Any thread may take and give objects, also give back what another took. What comes out is not
/// zeroed unless `__GFP_ZERO` asks for it: it holds what its last user left.
/// Objects lie on multiples of 8 bytes, and of the object size where that is a power of two.
///
/// Notes
///
/// The order of a request (`slab_alloc_node`): the lock checker hears of it, a sheaf serves it;
/// else objects come from a partial or an empty slab, enough to fill a sheaf at once; else a page
/// run is asked for, with no lock held, and becomes a slab. The mask acts only there (row B11): an
/// object from a sheaf or a slab costs none of it. What wants to see every request, such as a fault
/// injector, takes the threads' sheaves away ([Slabs#slowDoor]), so that it costs nothing when
/// there is none.
///
/// The order of a free: address to frame to [Slab] to state, which must say that the object is in
/// use; then its group is uncharged, if it has one; then the sheaf, or the slab. A thread in
/// reclaim passes the sheaves by, so that slabs become empty and their frames are counted as its
/// progress.
public final class SlabCache extends Sheaved implements AutoCloseable {
    /// The largest object: a run of the largest order.
    public static final int MAX_OBJECT_SIZE = (int) (Frames.SIZE << Frames.MAX_ORDER);

    /// States of an object in use; the caches of `kmalloc` record its size instead.
    private static final short LIVE = 0x4001;
    private static final short LENT = 0x4002;
    private static final short RESERVED = 0x4003;

    /// Objects are multiples of this: a long never straddles two of them.
    private static final int GRAIN = 8;
    /// Orders above this are never preferred, only needed: larger runs are hard to come by
    /// (`slub_max_order`).
    private static final int MAX_PREFERRED_ORDER = Frames.COSTLY_ORDER;
    /// Objects that a preferred slab has if its order allows, to ask for pages seldom.
    private static final int MIN_OBJECTS = 16;

    private final PageAllocator pages;
    /// A field of its own, so that no request loads it while nobody watches.
    private final FsReclaim.Reclaimer reclaimer;
    private final @Nullable LargeObjects kmalloc;
    private final String name;
    private final String faultSite;
    private final int objectSize;
    /// Bytes before the first object and between objects: 0, or a red zone in debug mode.
    private final int gap;
    private final int order;
    private final int minOrder;
    private final StripedSheaves sheaves;
    private final CacheNode node;
    private final AtomicBoolean closing = new AtomicBoolean();

    /// A cache of its own over `pages`; a pool makes its caches over one [Slabs] instead.
    ///
    /// @throws IllegalArgumentException as [#SlabCache(Slabs, String, int)]
    public SlabCache(PageAllocator pages, String name, int objectSize) {
        this(new Slabs(pages), name, objectSize);
    }

    /// A cache for objects of `objectSize` bytes.
    ///
    /// @param name for reports; need not be unique
    /// @param objectSize 1..[#MAX_OBJECT_SIZE]; rounded up to a multiple of 8
    /// @throws IllegalArgumentException if the name is blank or the size out of range
    public SlabCache(Slabs slabs, String name, int objectSize) {
        this(slabs, name, objectSize, null);
    }

    /// A cache of `kmalloc`, marked by `large`; null for any other.
    SlabCache(Slabs slabs, String name, int objectSize, @Nullable LargeObjects large) {
        if (Objects.requireNonNull(name, "name").isBlank()) {
            throw new IllegalArgumentException("a cache needs a name: reports show it");
        }
        if (objectSize < 1 || objectSize > MAX_OBJECT_SIZE) {
            throw new IllegalArgumentException("objectSize of cache " + name + " must be 1.."
                    + MAX_OBJECT_SIZE + ", not " + objectSize);
        }
        super(Objects.requireNonNull(slabs, "slabs"));
        this.pages = slabs.pages();
        this.reclaimer = pages.reclaimer();
        this.kmalloc = large;
        this.name = name;
        this.faultSite = "object:" + name;
        this.objectSize = (objectSize + GRAIN - 1) & -GRAIN;
        this.gap = slabs.gap(this.objectSize);
        this.minOrder = Frames.orderFor(gap + (long) this.objectSize + gap);
        this.order = preferredOrder(this.objectSize + gap, minOrder);
        this.sheaves = new StripedSheaves(this, slabs.stripes(),
                slabs.sheafCapacity(this.objectSize));
        this.node = new CacheNode(this, pages);
        slabs.add(this);
    }

    /// Takes an object.
    ///
    /// @param gfp a set of [Gfp] bits
    /// @return its address, or 0 for shortage
    /// @throws IllegalArgumentException if `gfp` has unknown bits
    /// @throws IllegalStateException if the cache or the pool is closed
    public long alloc(int gfp) {
        return alloc(gfp, LIVE);
    }

    /// Gives an object back. Never allocates, waits or calls a consumer.
    ///
    /// @param address what [#alloc] returned; 0 does nothing
    /// @throws IllegalArgumentException if `address` is not an object of this cache that is in use;
    ///         the message says what it is
    public void free(long address) {
        if (address == 0) {
            return;
        }
        Slab slab = slabs.slabAt(address);
        if (slab != null && slab.cache == this) {
            long index = slab.quotient(address);
            if (slab.has(index) && slab.state((int) index) == LIVE) {
                free(slab, (int) index, address);
                return;
            }
        }
        freeOther(slab, address);
    }

    private void freeOther(@Nullable Slab slab, long address) {
        if (slab == null && sampledAs(LIVE, address) != null && slabs.freeSampled(address)) {
            return;
        }
        int index = slab == null || slab.cache != this ? -1 : slab.indexOf(address);
        if (slab == null || index < 0 || !slab.isCharged(index) || slab.use(index) != LIVE) {
            throw slabs.wrongFree(address, this);
        }
        uncharge(slab, index);
        free(slab, index, address);
    }

    /// The slot of a sampled object of this cache in that state, or null.
    private @Nullable SampledSlot sampledAs(short state, long address) {
        SampledSlot slot = slabs.sampledAt(address);
        return slot != null && slot.cache == this && slot.state == state ? slot : null;
    }

    /// True if `address` is an object of this cache that is in use and held so.
    public boolean isHeldBy(Holder holder, long address) {
        Slab slab = slabs.slabAt(address);
        if (slab == null) {
            return sampledAs(holder.state, address) != null;
        }
        int index = slab.cache != this ? -1 : slab.indexOf(address);
        return index >= 0 && slab.use(index) == holder.state;
    }

    /// Moves an object in use from one kind of holder to another. For reserves (`mempool`), whose
    /// objects nobody may give back to the cache past them. No group pays for an object in reserve,
    /// nor for one that is lent from there.
    ///
    /// @throws IllegalArgumentException if `address` is not an object of this cache held as `from`
    public void pass(long address, Holder from, Holder to) {
        Slab slab = slabs.slabAt(address);
        SampledSlot sampled = slab == null ? sampledAs(from.state, address) : null;
        if (sampled != null) {
            if (to == Holder.RESERVE) {
                sampled.uncharge();
            }
            sampled.state = to.state;
            return;
        }
        int index = slab == null || slab.cache != this ? -1 : slab.indexOf(address);
        if (slab == null || index < 0 || slab.use(index) != from.state) {
            throw slabs.wrongFree(address, this);
        }
        if (to == Holder.RESERVE && slab.isCharged(index)) {
            uncharge(slab, index);
        }
        slab.use(index, to.state);
    }

    /// Who holds an object that is in use.
    public enum Holder {
        /// Whoever took it with [#alloc].
        USER(LIVE),
        /// A user who has it from a reserve and gives it back there.
        BORROWER(LENT),
        /// A reserve.
        RESERVE(RESERVED);

        private final short state;

        Holder(short state) {
            this.state = state;
        }
    }

    /// The name given at creation.
    public String name() {
        return name;
    }

    /// Bytes in an object, all of them its user's.
    @Override
    public int objectSize() {
        return objectSize;
    }

    /// Figures of the cache, a line of `slabinfo`; about right while others take and give.
    public SlabCacheStats stats() {
        return node.stats(cachedObjects(), sampled());
    }

    /// Sampled objects in use, which lie in no slab.
    private long sampled() {
        Kfence kfence = slabs.kfence();
        return kfence == null ? 0 : kfence.live(this);
    }

    /// Gives the cache's frames back. A second close does nothing, nor does one after the pool was
    /// closed and took the frames with it.
    ///
    /// @throws IllegalStateException if objects are still in use; the cache then stays open
    @Override
    public void close() {
        if (pages.ended() || !closing.compareAndSet(false, true)) {
            return;
        }
        boolean done = false;
        try {
            node.close(sampled());
            SlabDebug debug = slabs.debug();
            if (debug != null) {
                debug.releaseAll(this);
            }
            boolean recalled = slabs.threads().closeCache(this);
            sheaves.close();
            node.shrink();
            slabs.remove(this, recalled);
            done = true;
        } finally {
            // What failed, for want of Java heap, can be tried again
            closing.set(done);
        }
    }

    /// Walks every invariant and throws on the first that fails. Only while nobody takes or gives.
    public void verify() {
        List<Sheaf> all = new ArrayList<>();
        sheaves.verify(all::add);
        slabs.threads().addSheaves(this, all);
        Set<Long> cached = new HashSet<>();
        for (Sheaf sheaf : all) {
            Check.that(sheaf.cache() == this, "a sheaf of another cache");
            for (int i = 0; i < sheaf.size; i++) {
                Check.that(cached.add(sheaf.objects[i]), "an object lies in two sheaves");
            }
        }
        SlabDebug debug = slabs.debug();
        if (debug != null) {
            debug.addQuarantined(this, cached);
        }
        node.verify(cached);
    }

    @Override
    public String toString() {
        return "cache " + name + " of " + objectSize + "-byte objects";
    }

    /// Takes an object and records `state`, which is not [Slab#FREE], for it.
    long alloc(int gfp, short state) {
        assert state != Slab.FREE : "an object in use has another state than a free one";
        FsReclaim.mightAlloc(Gfp.check(gfp), reclaimer);
        ThreadSheaves mine = sheavesOfThread();
        long object = mine != null ? mine.pop() : 0;
        // A thread that somebody else pays for finds no object there: it is apart
        return object != 0 ? handOut(object, gfp, state, false)
                : allocElsewhere(mine, gfp, state);
    }

    /// Takes an object after the thread's sheaf in use had none, or was not found.
    private long allocElsewhere(@Nullable ThreadSheaves empty, int gfp, short state) {
        ThreadSheaves mine = empty;
        if (mine == null) {
            mine = slabs.threads().mine(this);
            long object = mine != null ? mine.pop() : popShared();
            if (object != 0) {
                return handOut(object, gfp, state, false);
            }
        }
        return allocSlow(mine, gfp, state);
    }

    /// An object from the current thread's sheaf in use, with `state` recorded for it; 0 if there
    /// is none, or if somebody wants a look at the request: [#alloc] has to be asked then.
    long takeKept(int gfp, short state) {
        if ((gfp & ~PLAIN) != 0 || FsReclaim.isTracked()) {
            return 0;
        }
        ThreadSheaves mine = sheavesOfThread();
        long object = mine != null ? mine.pop() : 0;
        return object != 0 ? handOut(object, 0, state, false) : 0;
    }

    /// A virtual thread's short way: a stripe's sheaf, if nothing of its request wants a look.
    private long popShared() {
        return slabs.sharedDoor() ? sheaves.pop() : 0;
    }

    private boolean pushShared(long address) {
        return slabs.sharedDoor() && sheaves.push(address);
    }

    /// Makes a free object one in use.
    ///
    /// @param look whether somebody may have to pay for it whatever the mask says
    private long handOut(long object, int mask, short state, boolean look) {
        Slab slab = slabs.slabAt(object);
        if (slab == null) {
            throw Check.broken("an object without a slab");
        }
        int index = slab.indexAt(object);
        assert slab.indexOf(object) == index : "only a whole object is handed out";
        assert slab.state(index) == Slab.FREE : "only a free object is handed out";
        slab.state(index, state);
        if (look || (mask & (Gfp.ZERO | Gfp.ACCOUNT)) != 0) {
            return finished(Task.current(), slab, index, object, mask);
        }
        return object;
    }

    /// What some requests want beyond an object: somebody who pays, and zeros.
    private long finished(Task task, Slab slab, int index, long object, int mask) {
        MemGroup payer = pages.payer(task, mask);
        if (payer != null) {
            boolean paid = false;
            try {
                node.makePayers(slab);
                paid = pages.chargeObject(payer, objectSize, mask);
            } finally {
                if (!paid) {
                    free(slab, index, object);
                }
            }
            if (!paid) {
                return 0;
            }
            slab.charge(index, payer);
        }
        if ((mask & Gfp.ZERO) != 0) {
            pages.memory().zero(object, objectSize);
        }
        return object;
    }

    /// Takes the charge off an object in use. Neither waits nor allocates.
    void uncharge(Slab slab, int index) {
        slab.uncharge(index).dropObject(objectSize);
    }

    /// Frees object `index` of `slab`, whose state the caller has checked.
    static void free(Slab slab, int index, long address) {
        slab.state(index, Slab.FREE);
        ThreadSheaves mine = slab.sheavesOfThread();
        if (mine == null || !mine.push(address)) {
            slab.cache.freeElsewhere(mine, slab, address);
        }
    }

    /// Puts every object of `sheaf`, which the caller alone holds, into its slab.
    ///
    /// @return the number of frames that became free by it
    @Override
    long putBack(Sheaf sheaf) {
        return node.put(sheaf, Task.currentInReclaim());
    }

    /// Gives every empty slab back to its pages; the number of frames.
    long shrink() {
        return node.shrink();
    }

    /// Sends the objects in the stripes' sheaves and the depot's to their slabs.
    ///
    /// @return the number of frames that became free by it
    long drainSheaves() {
        return sheaves.drain();
    }

    /// Takes the sheaves away for good.
    void closeSheaves() {
        sheaves.close();
    }

    /// Free objects in sheaves, or in quarantine, about.
    long cachedObjects() {
        SlabDebug debug = slabs.debug();
        return debug != null ? debug.quarantined(this)
                : inSheaves();
    }

    /// Shows every slab. Only while nobody takes or gives.
    void forEachSlab(Consumer<Slab> visitor) {
        node.forEachSlab(visitor);
    }

    /// Frames of all slabs.
    long frames() {
        return node.frames();
    }

    /// Frames of empty slabs, about.
    long emptyFrames() {
        return node.emptyFrames();
    }

    /// The page allocator below.
    public PageAllocator pages() {
        return pages;
    }

    /// What all caches of the pool share.
    public Slabs slabs() {
        return slabs;
    }

    /// The power of two on whose multiples the objects lie.
    long alignment() {
        boolean power = Integer.bitCount(objectSize) == 1;
        return kmalloc != null || power ? Integer.lowestOneBit(objectSize) : GRAIN;
    }

    /// Bytes before the first object of a slab and between its objects.
    int gap() {
        return gap;
    }

    @Override
    StripedSheaves sheaves() {
        return sheaves;
    }

    /// The mark of the `kmalloc` that the cache belongs to, or null.
    @Nullable LargeObjects kmalloc() {
        return kmalloc;
    }

    /// What a state of an object of this cache means, for people.
    String describeState(short state) {
        if (kmalloc != null && state != Slab.FREE) {
            return "in use for " + state + " bytes";
        }
        return switch (state) {
            case Slab.FREE -> "free already";
            case LENT -> "lent by a memory pool; give it back there";
            case RESERVED -> "held in reserve by a memory pool";
            default -> "in use";
        };
    }

    private boolean injected(int gfp) {
        FaultInjector f = slabs.faultInjector();
        return f != FaultInjector.NONE && (gfp & Gfp.NOFAIL) == 0
                && f.shouldFail(faultSite, objectSize, 0, gfp);
    }

    /// The slow door: whatever watches objects and is not to cost the others anything is here.
    private long allocSlow(@Nullable ThreadSheaves mine, int asked, short state) {
        int gfp = AllowedMask.apply(asked);
        slabs.requireOpen();
        if (injected(gfp)) {
            return 0;
        }
        Kfence kfence = slabs.kfence();
        if (kfence != null && kfence.due()) {
            SampledSlot sampled =
                    kfence.alloc(this, kmalloc == null ? objectSize : state, state, gfp);
            if (sampled != null) {
                return charged(kfence, sampled, gfp) ? sampled.object : 0;
            }
        }
        long object = obtain(mine, gfp);
        if (object == 0) {
            return 0;
        }
        SlabDebug debug = slabs.debug();
        if (debug == null) {
            return handOut(object, gfp, state, true);
        }
        // It clears what is asked for, and no more: the rest is red.
        debug.taken(slabs.slabOf(object), object, kmalloc == null ? objectSize : state,
                (gfp & Gfp.ZERO) != 0);
        return handOut(object, gfp & ~Gfp.ZERO, state, true);
    }

    /// Charges a sampled object to whom it would be charged in a slab; if a limit refuses, it is
    /// free again.
    private boolean charged(Kfence kfence, SampledSlot sampled, int gfp) {
        MemGroup payer = pages.payer(Task.current(), gfp);
        if (payer == null) {
            return true;
        }
        boolean paid = false;
        try {
            paid = pages.chargeObject(payer, objectSize, gfp);
        } finally {
            if (!paid) {
                kfence.free(sampled);
            }
        }
        if (paid) {
            sampled.charge(payer);
        }
        return paid;
    }

    private long obtain(@Nullable ThreadSheaves found, int gfp) {
        ThreadSheaves mine = found;
        if (mine == null && Thread.currentThread().isVirtual() && sheaves.comesOften()) {
            mine = slabs.threads().mineAsOwner(this);
        }
        if (mine != null) {
            long more = mine.popMore();
            if (more != 0) {
                return more;
            }
            Sheaf own = mine.takeEmpty();
            if (own != null) {
                try {
                    return refill(own, gfp);
                } finally {
                    mine.place(own);
                }
            }
        }
        // A virtual thread, or one without room for sheaves of its own, uses a stripe's.
        long object = sheaves.pop();
        if (object != 0) {
            return object;
        }
        Sheaf sheaf = sheaves.takeEmpty();
        try {
            return refill(sheaf, gfp);
        } finally {
            if (sheaf != null) {
                sheaves.install(sheaf);
            }
        }
    }

    /// Takes an object from the slabs, or from a new one, and fills a sheaf on the way.
    private long refill(@Nullable Sheaf sheaf, int gfp) {
        Sheaf filling = Task.currentInReclaim() ? null : sheaf;
        long object = node.take(filling, null);
        // Also without a new slab: others may have freed objects while pages were sought.
        return object != 0 ? object : node.take(filling, newSlab(gfp));
    }

    /// Puts a free object past the sheaves into its slab.
    void putBack(Slab slab, long address) {
        node.put(slab, address, Task.currentInReclaim());
    }

    /// Puts an object in after the thread's sheaf in use had no room, or was not found.
    private void freeElsewhere(@Nullable ThreadSheaves full, Slab slab, long address) {
        ThreadSheaves mine = full;
        if (mine == null) {
            mine = slabs.threads().mine(this);
            if (mine != null ? mine.push(address) : pushShared(address)) {
                return;
            }
        }
        freeSlow(mine, slab, address);
    }

    private void freeSlow(@Nullable ThreadSheaves mine, Slab slab, long address) {
        boolean reclaim = Task.currentInReclaim();
        SlabDebug debug = slabs.debug();
        if (debug != null) {
            debug.freed(slab, address, !reclaim);
            return;
        }
        if (reclaim) {
            node.put(slab, address, true);
            return;
        }
        if (mine != null && mine.pushMore(address)) {
            return;
        }
        if (!sheaves.push(address)) {
            node.put(slab, address, false);
        }
    }

    /// Asks for pages as `allocate_slab` does (row G2, A9): a run of the preferred
    /// order, without effort; failing that the smallest that holds an object, with the caller's
    /// mask.
    private @Nullable Slab newSlab(int gfp) {
        assert !node.isLocked() : "R1: no lock over a page request";
        int mask = gfp & Gfp.RECLAIM_MASK;
        int easy = (mask | Gfp.NOWARN | Gfp.NORETRY) & ~Gfp.NOFAIL;
        if (Gfp.allowsBlocking(mask) && order > minOrder) {
            easy = (easy | Gfp.NOMEMALLOC) & ~Gfp.RECLAIM;
        }
        int got = order;
        long run = pages.alloc(Role.SLAB, order, easy);
        if (run == 0) {
            got = minOrder;
            run = pages.alloc(Role.SLAB, minOrder, mask);
        }
        if (run == 0) {
            return null;
        }
        boolean made = false;
        try {
            Slab slab = new Slab(this, run, got, pages.address(run));
            SlabDebug debug = slabs.debug();
            if (debug != null) {
                debug.made(slab);
            }
            slabs.slabOfRun(run, got, slab);
            made = true;
            return slab;
        } finally {
            if (!made) {
                pages.free(run);
            }
        }
    }

    /// The smallest order, not below `minOrder`, that has [#MIN_OBJECTS] (or as many as the largest
    /// preferred order) and wastes at most a sixteenth; with none such the one that wastes least.
    private static int preferredOrder(int stride, int minOrder) {
        int wanted = (int) Math.min(MIN_OBJECTS, (Frames.SIZE << MAX_PREFERRED_ORDER) / stride);
        int best = minOrder;
        long leastWaste = Long.MAX_VALUE;
        for (int k = minOrder; k <= MAX_PREFERRED_ORDER; k++) {
            long bytes = Frames.SIZE << k;
            if (bytes / stride < wanted) {
                continue;
            }
            long waste = (bytes % stride << Frames.MAX_ORDER) / bytes;
            if (waste <= (1L << Frames.MAX_ORDER) / 16) {
                return k;
            }
            if (waste < leastWaste) {
                leastWaste = waste;
                best = k;
            }
        }
        return best;
    }
}
