package dev.polder.slab;

import dev.polder.base.Check;
import dev.polder.base.Frames;
import dev.polder.gfp.FsReclaim;
import dev.polder.gfp.Gfp;
import dev.polder.page.PageAllocator;
import dev.polder.page.Role;
import dev.polder.task.Task;
import dev.polder.zone.FrameTable;
import dev.polder.zone.Zone;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The objects of `kmalloc` above its largest class, each a run of pages, and the owner of those
/// runs' heads in the frame table. The kernel's large kmalloc folios.
///
/// Notes
///
/// Each frame has a **record**, four bytes: 0, or at the head of a run in use the size that was
/// asked for, the run's order, and as its sign whether a memory group pays. One load on the way of
/// a free tells that the object is in use, where it goes and that nobody pays. As the state of an
/// object in a slab it belongs to whoever holds the run, so plain access suffices.
///
/// Free runs of orders 2 to 10 are kept in **sheaves** as objects are, found, recalled and bounded
/// in the same way ([ThreadSheaves]). Such a run has this owner and no record. One that a group
/// pays for is never kept, nor is any in debug mode. While the pool has less than its high
/// watermark free nobody gets a further sheaf, nor fills another than the one in use. Nobody fills
/// a sheaf beforehand: runs come into it by being freed.
final class LargeObjects {
    /// Runs for requests above the largest class are not smaller than this.
    static final int MIN_ORDER = 2;

    private static final int CHARGED = Integer.MIN_VALUE;
    /// In a record the size stands below, 23 bits for 4 MiB, and the order above.
    private static final int ORDER_SHIFT = 24;
    private static final int SIZE_MASK = (1 << ORDER_SHIFT) - 1;
    private static final int ORDER_MASK = 0x0f;

    private final Slabs slabs;
    private final PageAllocator pages;
    private final FrameTable frames;
    private final FsReclaim.Reclaimer reclaimer;
    private final long base;
    private final int[] records;
    // By order; they take the first numbers among the pool's caches
    private final RunCache[] runs = new RunCache[Frames.MAX_ORDER + 1 - MIN_ORDER];
    // By order, their keys: what the short ways need of them
    private final long[] keys = new long[Frames.MAX_ORDER + 1];

    /// Those of the pool of `slabs`, before any cache is made there.
    LargeObjects(Slabs slabs) {
        this.slabs = slabs;
        this.pages = slabs.pages();
        this.frames = pages.frames();
        this.reclaimer = pages.reclaimer();
        this.base = pages.memory().base();
        this.records = new int[frames.size()];
        assert Kmalloc.MAX_SIZE <= SIZE_MASK : "a record has room for each size";
        for (int i = 0; i < runs.length; i++) {
            runs[i] = new RunCache(slabs, this, MIN_ORDER + i);
            assert runs[i].number() == i : "the runs' numbers are the first";
            keys[MIN_ORDER + i] = runs[i].key();
        }
    }

    /// A run from the current thread's sheaf in use; 0 if there is none, or if somebody wants a
    /// look at the request: [#alloc] has to be asked then.
    ///
    /// @param size above the largest class, up to the largest run
    long takeKept(long size, int gfp) {
        if ((gfp & ~Sheaved.PLAIN) != 0 || FsReclaim.isTracked()) {
            return 0;
        }
        int order = Long.SIZE - Frames.SHIFT - Long.numberOfLeadingZeros(size - 1);
        // A thread that somebody else pays for finds nothing there: it is apart
        ThreadSheaves mine = SheafTable.mine(keys[order]);
        long address = mine == null ? 0 : mine.pop();
        if (address != 0) {
            handOut(address, size, order);
        }
        return address;
    }

    private void handOut(long address, long size, int order) {
        int run = (int) ((address - base) >>> Frames.SHIFT);
        assert records[run] == 0 : "only a free run is handed out";
        records[run] = order << ORDER_SHIFT | (int) size;
    }

    /// Takes a run of `order` for `size` bytes.
    ///
    /// @param order at least [#MIN_ORDER]; above [Frames#MAX_ORDER] there is none
    /// @param gfp checked
    /// @return its address, or 0 for shortage
    long alloc(long size, int order, int gfp) {
        if (order <= Frames.MAX_ORDER && pages.payer(Task.current(), gfp) == null) {
            FsReclaim.mightAlloc(gfp, reclaimer);
            ThreadSheaves mine = runs[order - MIN_ORDER].mine();
            long kept = mine == null ? 0 : mine.popMore();
            if (kept != 0) {
                handOut(kept, size, order);
                if ((gfp & Gfp.ZERO) != 0) {
                    pages.memory().zero(kept, Frames.SIZE << order);
                }
                return kept;
            }
        }
        long run = pages.alloc(Role.KMALLOC_LARGE, order, gfp);
        if (run == 0) {
            return 0;
        }
        SlabDebug debug = slabs.debug();
        if (debug != null) {
            debug.takenLarge(run, size, (gfp & Gfp.ZERO) != 0);
        }
        int charged = pages.isCharged(run) ? CHARGED : 0;
        records[(int) run] = charged | order << ORDER_SHIFT | (int) size;
        frames.owner(run, 1, this);
        return pages.address(run);
    }

    /// Frees the object at `address` if there is one in use; false, and nothing changed, if not.
    boolean free(long address) {
        // Larger than every frame's number if the address is not a frame's first
        long run = Long.rotateRight(address - base, Frames.SHIFT);
        int[] table = records;
        if (Long.compareUnsigned(run, table.length) >= 0) {
            return false;
        }
        int record = table[(int) run];
        if (record <= 0) {
            return record < 0 && freeCharged((int) run);
        }
        table[(int) run] = 0;
        int order = record >>> ORDER_SHIFT;
        ThreadSheaves mine = SheafTable.mine(keys[order]);
        if (mine == null || !mine.push(address)) {
            freeSlow(order, (int) run, address);
        }
        return true;
    }

    private void freeSlow(int order, int run, long address) {
        ThreadSheaves mine = runs[order - MIN_ORDER].mine();
        Zone zone = pages.zone();
        if (mine == null || Task.currentInReclaim() || zone.free() < zone.marks().high()
                || !mine.pushMore(address)) {
            giveBack(run);
        }
    }

    private boolean freeCharged(int run) {
        records[run] = 0;
        giveBack(run);
        return true;
    }

    /// Gives a free run back to the page allocator, in debug mode by way of the quarantine.
    private void giveBack(long run) {
        frames.owner(run, 1, null);
        SlabDebug debug = slabs.debug();
        if (debug == null) {
            pages.free(run);
        } else {
            debug.freedLarge(run);
        }
    }

    /// Gives the runs in `sheaf`, which the caller alone holds, back to the page allocator.
    void putBack(Sheaf sheaf) {
        while (!sheaf.isEmpty()) {
            giveBack(pages.pfnOf(sheaf.pop()));
        }
    }

    /// Bytes asked for in the object that begins at `address`; 0 if none does that is in use.
    int requested(long address) {
        long run = pages.pfnOf(address);
        return run >= 0 && Frames.aligned(address) ? records[(int) run] & SIZE_MASK : 0;
    }

    /// Bytes that may be used of the object in use at `address`.
    long room(long address) {
        return Frames.SIZE << frames.order(pages.pfnOf(address));
    }

    /// Records `size` as what was asked for in the object in use at `address`.
    void requested(long address, int size) {
        int run = (int) pages.pfnOf(address);
        records[run] = (records[run] & ~SIZE_MASK) | size;
    }

    /// Shows every object in use.
    void forEach(Kmalloc.LargeVisitor visitor) {
        for (int run = 1; run < records.length; run++) {
            if (records[run] != 0) {
                visitor.object(pages.address(run), records[run] & SIZE_MASK);
            }
        }
    }

    /// Frames of the runs in sheaves.
    long cachedFrames() {
        long sum = 0;
        for (RunCache cache : runs) {
            sum += cache.inSheaves() << cache.order();
        }
        return sum;
    }

    /// Frames of the runs in sheaves that no thread holds.
    long depotFrames() {
        long sum = 0;
        for (RunCache cache : runs) {
            sum += cache.sheaves().objects() << cache.order();
        }
        return sum;
    }

    /// Gives the runs in sheaves that no thread holds back; their frames.
    long drain() {
        long freed = 0;
        for (RunCache cache : runs) {
            freed += cache.sheaves().drain();
        }
        return freed;
    }

    /// Takes the sheaves away for good.
    void close() {
        for (RunCache cache : runs) {
            cache.sheaves().close();
        }
    }

    /// Walks every invariant and throws on the first that fails. Only while nobody takes or gives.
    void verify() {
        Set<Long> kept = new HashSet<>();
        for (RunCache cache : runs) {
            List<Sheaf> all = new ArrayList<>();
            cache.sheaves().verify(all::add);
            slabs.threads().addSheaves(cache, all);
            for (Sheaf sheaf : all) {
                for (int i = 0; i < sheaf.size; i++) {
                    verifyKept(sheaf.objects[i], cache.order());
                    Check.that(kept.add(sheaf.objects[i]), "a run lies in two sheaves");
                }
            }
        }
        int free = 0;
        for (int pfn = 0; pfn < records.length; pfn++) {
            boolean mine = frames.owner(pfn) == this;
            boolean used = records[pfn] != 0;
            Check.that(mine || !used, "a large object's size and its frame's owner disagree");
            Check.that(!mine || frames.isHead(pfn), "a large object does not begin a run");
            free += mine && !used ? 1 : 0;
            if (used) {
                int order = records[pfn] >>> ORDER_SHIFT & ORDER_MASK;
                Check.that(order == frames.order(pfn), "a large object's run has another order");
                Check.that((records[pfn] & SIZE_MASK) <= Frames.SIZE << order,
                        "a large object is larger than its run");
                Check.that(records[pfn] < 0 == pages.isCharged(pfn),
                        "a large object's record and its payer disagree");
            }
        }
        Check.that(free == kept.size(), "a free run of kmalloc's lies in no sheaf");
    }

    private void verifyKept(long address, int order) {
        long run = pages.pfnOf(address);
        Check.that(run > 0 && Frames.aligned(address), "what lies in a sheaf is no run");
        Check.that(frames.owner(run) == this && records[(int) run] == 0,
                "a run in a sheaf is in use");
        Check.that(frames.order(run) == order, "a run lies in a sheaf of another order");
        Check.that(!pages.isCharged(run), "a run in a sheaf is charged to a group");
    }

    @Override
    public String toString() {
        return "kmalloc";
    }
}
