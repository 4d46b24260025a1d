package dev.polder.vmalloc;

import dev.polder.base.Check;
import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.PolderEvents;
import dev.polder.os.MappingBudget;
import dev.polder.os.PoolMemory;
import dev.polder.page.PageAllocator;
import dev.polder.stat.VmStat.Item;
import dev.polder.vmalloc.AreaRequest.Lack;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/// Makes areas where there are none to re-use, and unmaps those that are not needed. The kernel's
/// `__vmalloc_node_range` and `__purge_vmap_area_lazy`.
final class AreaMaker {
    /*
     * Notes. Making goes address range -> frames -> page-table entries -> mapping, unmapping goes
     * mapping -> entries -> frames -> address range, so that no address shows a frame that has
     * another owner, and no range is taken while something is recorded for it.
     *
     *   reservedMappings = sum of VmArea.mappings over all areas
     *
     * No lock is held here; those of the parts are leaves.
     */

    /// One guard frame behind each area (H10).
    static final long GUARD_PAGES = 1;

    private final PageAllocator pages;
    private final PoolMemory memory;
    private final MappingBudget budget;
    private final AddressSpace space;
    private final PageTable table;
    private final LazyAreas lazy;
    private final DataFrames dataFrames;
    private final long spaceStart;
    private final AtomicInteger reservedMappings = new AtomicInteger();

    AreaMaker(PageAllocator pages, MappingBudget budget, AddressSpace space, PageTable table,
            LazyAreas lazy) {
        this.pages = pages;
        this.memory = pages.memory();
        this.budget = budget;
        this.space = space;
        this.table = table;
        this.lazy = lazy;
        this.dataFrames = new DataFrames(pages);
        this.spaceStart = memory.vmallocStart();
    }

    /// Makes an area, or returns null with everything taken back and `request.lack` telling why.
    /// Its state is BUILDING.
    @Nullable VmArea make(AreaRequest request) {
        long first = takeSpace(request.pages + GUARD_PAGES, request.gfp);
        if (first < 0) {
            request.lack = Lack.ADDRESSES;
            return null;
        }
        VmArea area;
        AreaBuilder builder;
        boolean made = false;
        try {
            area = new VmArea(spaceStart + Frames.bytes(first), request.pages, request.size);
            builder = new AreaBuilder(area, request.gfp, pages, table);
            made = true;
        } finally {
            if (!made) {
                space.give(first, request.pages + GUARD_PAGES);
            }
        }
        made = false;
        try {
            made = make(area, builder, request);
        } finally {
            if (!made) {
                takeBack(area, builder);
            }
        }
        if (!made) {
            return null;
        }
        area.charged = AreaCharges.isDue(request.gfp);
        return area;
    }

    private boolean make(VmArea area, AreaBuilder builder, AreaRequest request) {
        if (!builder.takeFrames(dataFrames)) {
            request.lack = Lack.FRAMES;
            return false;
        }
        request.mappings = builder.mappingsNeeded();
        if (!reserveMappings(area, request.mappings, request.gfp)) {
            // Also with NOFAIL from the start again: another try may find longer runs.
            request.lack = Lack.MAPPINGS;
            return false;
        }
        // H8: a try with large runs fails silently, and another follows. The kernel's is one with
        // single frames; here that would change nothing but the number of mappings.
        boolean another = builder.hasLargeRun();
        while (true) {
            if (!builder.enterTable()) {
                request.lack = Lack.PAGE_TABLE;
            } else if (builder.map()) {
                return true;
            } else {
                request.lack = Lack.SYSTEM_CALL;
            }
            if (request.nofail) {
                waitBeforeRetry(request);
            } else if (another && request.lack == Lack.PAGE_TABLE) {
                another = false;
            } else {
                return false;
            }
        }
    }

    private void takeBack(VmArea area, AreaBuilder builder) {
        if (!builder.abandon()) {
            area.reusable = false;
            area.mustStep(VmArea.State.BUILDING, VmArea.State.LAZY);
            lazy.add(area);
            return;
        }
        releaseMappings(area);
        giveSpace(area);
    }

    /// Addresses for `n` frames, or -1. Where there are none, lazily freed areas are purged once,
    /// if the mask may block (H11).
    private long takeSpace(long n, int gfp) {
        long first = space.take(n);
        if (first < 0 && Gfp.allowsBlocking(gfp) && purge(Long.MAX_VALUE) > 0) {
            first = space.take(n);
        }
        return first;
    }

    private void giveSpace(VmArea area) {
        space.give((area.start - spaceStart) >> Frames.SHIFT, area.pages + GUARD_PAGES);
    }

    private boolean reserveMappings(VmArea area, int n, int gfp) {
        boolean got = budget.tryReserve(n)
                || (Gfp.allowsBlocking(gfp) && purge(Long.MAX_VALUE) > 0 && budget.tryReserve(n));
        if (got) {
            area.mappings = n;
            reservedMappings.addAndGet(n);
        }
        return got;
    }

    private void releaseMappings(VmArea area) {
        int n = area.mappings;
        area.mappings = 0;
        // After close() nothing is reserved any more.
        // Without a lambda, whose first use takes Java heap.
        int before = reservedMappings.get();
        while (!reservedMappings.compareAndSet(before, Math.max(0, before - n))) {
            before = reservedMappings.get();
        }
        budget.release(Math.min(before, n));
    }

    /// One tick (H7), whatever the mask says about retries. An interrupt does not end it.
    void waitBeforeRetry(AreaRequest request) {
        PolderEvents.reporter().trouble("", request.describe(budget), null);
        pages.retryWait(request.gfp & ~Gfp.NORETRY);
    }

    /// Unmaps lazily freed areas, oldest first, until `wanted` frames are free again. For threads
    /// in reclaim, and for an allocation that lacks addresses or mappings.
    ///
    /// @return how many became free
    long purge(long wanted) {
        long freed = 0;
        while (freed < wanted) {
            VmArea area = lazy.takeForPurge();
            if (area == null) {
                break;
            }
            try {
                if (!unmap(area)) {
                    break;
                }
                freed += area.pages;
                pages.stat().add(Item.VMALLOC_PURGED);
            } finally {
                lazy.purged();
            }
        }
        return freed;
    }

    private boolean unmap(VmArea area) {
        AreaDebug debug = area.debug;
        if (debug != null) {
            debug.leaving(area);
        }
        if (!memory.cover(area.start, area.bytes())) {
            area.mustStep(VmArea.State.PURGING, VmArea.State.LAZY);
            lazy.add(area);
            return false;
        }
        long address = area.start;
        while (address < area.end()) {
            long run = table.frameAt(address);
            Check.that(pages.frames().isHead(run) && pages.frames().owner(run) == area,
                    "the page table names a frame that is not the area's");
            long length = 1L << pages.frames().order(run);
            table.clear(address, length);
            pages.frames().owner(run, length, null);
            pages.free(run);
            address += Frames.bytes(length);
        }
        Check.that(address == area.end(), "an area's runs do not fill it");
        releaseMappings(area);
        giveSpace(area);
        return true;
    }

    /// Mappings that all areas pay for.
    int reservedMappings() {
        return reservedMappings.get();
    }

    /// Gives all mappings back to the budget, once the pool's memory is closed and they are gone.
    void releaseAllMappings() {
        budget.release(reservedMappings.getAndSet(0));
    }
}
