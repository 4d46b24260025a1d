package dev.polder.vmalloc;

import dev.polder.base.Check;
import dev.polder.base.Frames;
import dev.polder.debug.Findings;
import dev.polder.debug.ObjectTrack;
import dev.polder.gfp.FsReclaim;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.PolderEvents;
import dev.polder.os.MappingBudget;
import dev.polder.os.PoolMemory;
import dev.polder.page.NonBlockingThreads;
import dev.polder.page.PageAllocator;
import dev.polder.stat.VmStat;
import dev.polder.stat.VmStat.Item;
import dev.polder.task.Task;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Areas whose addresses are contiguous and whose frames need not be. The kernel's `vmalloc`.
///
/// Frames of the pool are mapped next to one another into a range of addresses of their own;
/// nothing is copied. Behind each area lies a guard frame. A mask of any kind may be given: it
/// reaches the data frames as it is, and the page tables through the scope that stands for it
/// (rows H2–H4, H16). Any thread may free what another allocated.
public final class Vmalloc {
    /*
     * Notes. Freeing is lazy: an area keeps its frames and mapping in LazyAreas, an allocation of
     * the same number of frames takes it again without a system call, and only reclaim, kswapd or
     * an allocation that found no address space or mapping left really unmaps (H11, H12, R5).
     *
     * Lock order. LazyAreas' lock, then the page table's, then the address space's; only verify()
     * takes more than one. Nothing of them is held over a page request (R1), a system call or a
     * wait.
     *
     *   frames of the pool owned here = live + lazy + being made or unmapped + page-table nodes
     */

    /// Lazily freed memory worth keeping for each doubling of processors (`lazy_max_pages`).
    private static final long LAZY_BYTES_PER_CPU_BIT = 32L << 20;
    /// And at most this part of the pool.
    private static final long LAZY_SHARE = 16;
    private final PageAllocator pages;
    private final PoolMemory memory;
    private final VmStat stat;
    private final Runnable wakeKswapd;
    private final AddressSpace space;
    private final PageTable table;
    private final LazyAreas lazy;
    private final AreaMaker maker;
    private final AreaCharges charges;
    private final ContiguousAreas contiguous;
    private final @Nullable AreaDebug debug;
    private final long spaceStart;
    private final long spaceEnd;
    private final long spacePages;

    private final AtomicLong liveFrames = new AtomicLong();
    private final AtomicBoolean warnedOfZero = new AtomicBoolean();

    /// The areas of a pool.
    ///
    /// @param budget pays for the mappings
    /// @param wakeKswapd wakes background reclaim, without waiting: called by free when more is
    ///     kept than is worth keeping
    public Vmalloc(PageAllocator pages, MappingBudget budget, Runnable wakeKswapd) {
        this(pages, budget, wakeKswapd, null);
    }

    /// The same in debug mode, which tells `findings`; null for none.
    public Vmalloc(PageAllocator pages, MappingBudget budget, Runnable wakeKswapd,
            @Nullable Findings findings) {
        this.debug = findings == null ? null : new AreaDebug(pages.memory(), findings);
        this.pages = pages;
        this.memory = pages.memory();
        this.stat = pages.stat();
        this.wakeKswapd = wakeKswapd;
        spaceStart = memory.vmallocStart();
        spaceEnd = memory.vmallocEnd();
        spacePages = (spaceEnd - spaceStart) >> Frames.SHIFT;
        space = new AddressSpace(spacePages);
        table = new PageTable(pages, spaceStart, spaceEnd);
        int cpus = Runtime.getRuntime().availableProcessors();
        lazy = new LazyAreas(lazyLimit(memory.frames(), cpus));
        maker = new AreaMaker(pages, budget, space, table, lazy);
        charges = new AreaCharges(pages, table);
        contiguous = new ContiguousAreas(pages);
        pages.shrinkers().addInternal(new LazyAreaReclaimer(this));
    }

    /// How many frames may stay mapped after they were freed (H12).
    static long lazyLimit(long poolFrames, int cpus) {
        int doublings = Integer.SIZE - Integer.numberOfLeadingZeros(cpus);
        long byCpus = (doublings * LAZY_BYTES_PER_CPU_BIT) >> Frames.SHIFT;
        return Math.min(byCpus, poolFrames / LAZY_SHARE);
    }

    /// Takes an area of `size` bytes.
    ///
    /// Frames for it are taken in runs as large as there are; single frames with the whole effort
    /// that `mask` allows. With NOFAIL and DIRECT_RECLAIM it waits until it has everything, also
    /// for page tables, mappings and addresses. Holds no lock while it asks for memory or waits.
    ///
    /// @param size in bytes; 0, or more than the pool has, is a shortage at once, also with NOFAIL
    ///     (H1)
    /// @param mask a set of [Gfp] bits
    /// @return the address, a multiple of 4096, or 0
    /// @throws IllegalArgumentException if `size` is negative or `mask` has unknown bits
    /// @throws IllegalStateException if the pool is closed, also while it waits
    public long alloc(long size, int mask) {
        int gfp = NonBlockingThreads.narrow(Gfp.check(mask));
        long wanted = Frames.count(size);
        if (wanted == 0 || wanted >= memory.frames()) {
            warnOfSize(size, gfp);
            return 0;
        }
        FsReclaim.mightAlloc(gfp, pages.reclaimer());
        stat.add(Item.VMALLOC_CALLS);
        if (!memory.canRemap()) {
            VmArea area = contiguous.make(size, wanted, gfp);
            return area == null ? shortage() : publish(area, gfp);
        }
        if (wanted + AreaMaker.GUARD_PAGES > spacePages) {
            return 0;
        }
        boolean nofail = (gfp & Gfp.NOFAIL) != 0 && Gfp.allowsBlocking(gfp);
        // An event loop that asked not to be held up is not made to map, which takes time.
        boolean mayMap = Gfp.allowsBlocking(gfp) || !NonBlockingThreads.isCurrent();
        long address = reuse(size, wanted, gfp);
        if (address != 0) {
            return address;
        }
        if (!mayMap) {
            return shortage();
        }
        pages.requireOpen();
        AreaRequest request = new AreaRequest(size, wanted, gfp, nofail);
        while (true) {
            VmArea area = maker.make(request);
            if (area != null) {
                return publish(area, gfp);
            }
            if (!nofail) {
                return shortage();
            }
            maker.waitBeforeRetry(request);
            address = reuse(size, wanted, gfp);
            if (address != 0) {
                return address;
            }
        }
    }

    /// What a request gets that ran short: nothing, unless that is the pool's end (H9).
    private long shortage() {
        pages.requireOpen();
        return 0;
    }

    /// Gives an area back. Never allocates from the pool, waits or unmaps, except on a thread in
    /// reclaim, where it unmaps: there the frames are what is wanted.
    ///
    /// @param address what [#alloc] returned; 0 does nothing
    /// @throws IllegalArgumentException if `address` is not the start of an area in use; the
    ///     message says what it is
    public void free(long address) {
        if (address == 0) {
            return;
        }
        VmArea area = areaAt(address);
        if (area == null || area.start != address || !area.step(VmArea.State.LIVE, next())) {
            throw wrongAddress(address, area);
        }
        liveFrames.addAndGet(-framesOf(area));
        String damage = debug == null ? null : debug.freed(area);
        giveBack(area);
        if (debug != null && damage != null) {
            throw debug.findings().thrown(damage);
        }
    }

    private void giveBack(VmArea area) {
        if (!memory.canRemap()) {
            contiguous.free(area);
            return;
        }
        charges.uncharge(area);
        lazy.add(area);
        if (Task.currentInReclaim()) {
            maker.purge(area.pages);
        } else if (lazy.overLimit()) {
            wakeKswapd.run();
        }
    }

    /// Where an area goes when it is freed.
    private VmArea.State next() {
        return memory.canRemap() ? VmArea.State.LAZY : VmArea.State.PURGING;
    }

    /// The frame mapped at `address`, or 0 if it lies in no area in use. The kernel's
    /// `vmalloc_to_page`.
    public long frameOf(long address) {
        VmArea area = areaAt(address);
        return area == null || area.state() != VmArea.State.LIVE ? 0 : frameAt(address);
    }

    /// The size that [#alloc] was called with for the area at `address`.
    ///
    /// @throws IllegalArgumentException if `address` is not the start of an area in use
    public long requestedSize(long address) {
        VmArea area = areaAt(address);
        if (area == null || area.start != address || area.state() != VmArea.State.LIVE) {
            throw wrongAddress(address, area);
        }
        return area.requested;
    }

    /// True if `address` lies in an area in use.
    public boolean owns(long address) {
        VmArea area = areaAt(address);
        return area != null && area.state() == VmArea.State.LIVE;
    }

    /// True if `address` lies where areas are: in vmalloc space (`is_vmalloc_addr`), or, where
    /// frames cannot be remapped, in an area. Says nothing about whether it is in use.
    public boolean inRange(long address) {
        return memory.canRemap() ? address >= spaceStart && address < spaceEnd
                : areaAt(address) != null;
    }

    /// Makes up for what a request of `gfp`, made of others with less, charged above `high`.
    public void payForHigh(int gfp) {
        pages.payForHigh(gfp);
    }

    /// Who reclaims for this allocator's requests, for the lock checker.
    public FsReclaim.Reclaimer reclaimer() {
        return pages.reclaimer();
    }

    /// The pool's counters.
    public VmStat stat() {
        return stat;
    }

    /// Bytes in areas in use, whole frames.
    public long liveBytes() {
        return Frames.bytes(liveFrames.get());
    }

    /// Bytes in areas that were freed and are kept for re-use.
    public long lazyBytes() {
        return Frames.bytes(lazy.frames());
    }

    /// Frames that the page tables occupy.
    public long pageTableFrames() {
        return table.nodes();
    }

    /// Frames of the pool that belong to areas, in use or kept, and to page tables.
    public long frames() {
        return liveFrames.get() + lazy.frames() + table.nodes();
    }

    /// Shows every area in use, in the order of their addresses. The kernel's `vmallocinfo`.
    public void forEachArea(AreaVisitor visitor) {
        if (!memory.canRemap()) {
            contiguous.forEach(visitor);
            return;
        }
        @Nullable VmArea[] last = new VmArea[1];
        table.walk((_, frame) -> {
            VmArea area = pages.frames().owner(frame) instanceof VmArea a ? a : null;
            if (area != null && area != last[0] && area.state() == VmArea.State.LIVE) {
                visitor.area(area.start, area.requested, area.pages, area.mappings - 1);
            }
            last[0] = area;
        });
    }

    /// Shows who took each area in use, in debug mode.
    public void forEachTrack(Consumer<ObjectTrack> visitor) {
        @Nullable VmArea[] last = new VmArea[1];
        table.walk((_, frame) -> {
            if (pages.frames().owner(frame) instanceof VmArea a && a != last[0]) {
                last[0] = a;
                ObjectTrack track = a.track;
                if (track != null && a.state() == VmArea.State.LIVE) {
                    visitor.accept(track);
                }
            }
        });
    }

    /// Sees areas.
    @FunctionalInterface
    public interface AreaVisitor {
        /// One area. It is called under a lock: it must not call back.
        ///
        /// @param address its first address
        /// @param requested the size asked for
        /// @param pages its data frames
        /// @param pieces in how many pieces they are mapped
        void area(long address, long requested, long pages, int pieces);
    }

    private void warnOfSize(long size, int gfp) {
        if (size == 0 ? warnedOfZero.getAndSet(true) : (gfp & Gfp.NOWARN) != 0) {
            return;
        }
        PolderEvents.reporter().trouble("", "vmalloc of " + size + " bytes with "
                + Gfp.toString(gfp) + " in a pool of " + Frames.bytes(memory.frames())
                + " bytes cannot succeed", null);
    }

    /// Takes a lazily freed area of the same size, or returns 0.
    private long reuse(long size, long wanted, int gfp) {
        // In debug mode what was freed waits for a late use.
        if (pages.closing() || debug != null) {
            return 0;
        }
        VmArea area = lazy.take(wanted);
        if (area == null) {
            return 0;
        }
        boolean kept = false;
        try {
            if (!charges.charge(area, gfp)) {
                return 0;
            }
            area.requested = size;
            if ((gfp & Gfp.ZERO) != 0) {
                memory.zero(area.start, area.bytes());
            }
            kept = true;
        } finally {
            if (!kept) {
                lazy.add(area);
            }
        }
        area.mustStep(VmArea.State.LAZY, VmArea.State.LIVE);
        liveFrames.addAndGet(wanted);
        stat.add(Item.VMALLOC_LAZY_REUSE);
        return area.start;
    }

    private long publish(VmArea area, int gfp) {
        if (debug != null) {
            area.debug = debug;
            debug.taken(area, (gfp & Gfp.ZERO) != 0);
        }
        liveFrames.addAndGet(framesOf(area));
        area.mustStep(VmArea.State.BUILDING, VmArea.State.LIVE);
        pages.payForHigh(gfp);
        return area.start;
    }

    private long framesOf(VmArea area) {
        return memory.canRemap() ? area.pages : ContiguousAreas.frames(area);
    }

    /// Unmaps lazily freed areas, as [AreaMaker#purge].
    long purge(long wanted) {
        return maker.purge(wanted);
    }

    /// Lazily freed frames.
    long lazyFrames() {
        return lazy.frames();
    }

    /// Lazily freed frames beyond what is worth keeping.
    long lazyExcess() {
        return lazy.excess();
    }

    private @Nullable VmArea areaAt(long address) {
        pages.requireMemory();
        long frame = frameAt(address);
        return frame > 0 && pages.frames().owner(frame) instanceof VmArea a ? a : null;
    }

    private long frameAt(long address) {
        return memory.canRemap() ? table.frameAt(address) : pages.pfnOf(address);
    }

    private IllegalArgumentException wrongAddress(long address, @Nullable VmArea area) {
        if (area == null) {
            return Check.badAddress(address, address >= spaceStart && address < spaceEnd
                    ? "lies in vmalloc space where no area is: never allocated, or freed before"
                    : "is no vmalloc address of this pool; free it where it was allocated");
        }
        String what = area.state() != VmArea.State.LIVE
                ? "lies in a " + area + " that was freed before"
                : "is inside a " + area + "; pass the address that alloc returned";
        return Check.badAddress(address, what + AreaDebug.describe(area));
    }

    /// Gives the mappings back to the budget, after the pool's memory was closed and they are gone.
    public void close() {
        maker.releaseAllMappings();
    }

    /// Compares the page table with the frame table, the areas, the free addresses and
    /// `/proc/self/maps`, and throws on the first difference. Only while nobody allocates or frees;
    /// reclaim may run.
    ///
    /// @throws IllegalStateException naming what differs
    public void verify() {
        lazy.whileStill(this::audit);
    }

    private void audit() {
        if (!memory.canRemap()) {
            long owned = 0;
            for (int frame = 0; frame < pages.frames().size(); frame++) {
                owned += pages.frames().owner(frame) instanceof VmArea ? 1 : 0;
            }
            Check.that(owned == liveFrames.get(), "the frames of contiguous areas are miscounted");
            return;
        }
        if (debug != null) {
            table.walk((_, frame) -> debug.require(pages.frames().owner(frame)));
        }
        space.verify();
        VmallocAudit audit = new VmallocAudit(pages, space, spaceStart);
        table.walk(audit::entry);
        audit.finish(liveFrames.get(), lazy.frames(), spacePages, maker.reservedMappings());
        audit.compareWithProcess(memory.base(), spaceEnd);
    }

    /// The page table, for tests.
    PageTable table() {
        return table;
    }
}
