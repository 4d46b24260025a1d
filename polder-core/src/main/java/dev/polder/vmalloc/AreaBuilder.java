package dev.polder.vmalloc;

import dev.polder.base.Frames;
import dev.polder.os.PoolMemory;
import dev.polder.page.PageAllocator;

/// Makes one area: takes its frames, records them in the page table, maps them. One object for one
/// request; never shared.
///
/// Each step goes on where it stopped, so a step that failed can be tried again (NOFAIL) without
/// meeting its own traces, and [#abandon] takes back exactly what was done.
final class AreaBuilder {
    private final VmArea area;
    private final int gfp;
    private final PageAllocator pages;
    private final PoolMemory memory;
    private final PageTable table;
    private final RunList runs = new RunList();

    // 0 <= mapped <= entered <= runs.pages() <= area.pages; nothing is mapped before all is
    // entered.
    /// Frames recorded in the page table.
    private long entered;
    /// The run to record next, and how many of its frames are recorded.
    private int enteringRun;
    private long enteredOfRun;
    /// Frames mapped.
    private long mapped;
    /// The run to map next.
    private int mappingRun;

    AreaBuilder(VmArea area, int gfp, PageAllocator pages, PageTable table) {
        this.area = area;
        this.gfp = gfp;
        this.pages = pages;
        this.memory = pages.memory();
        this.table = table;
    }

    /// Takes the frames that are missing; false if memory ran short.
    boolean takeFrames(DataFrames frames) {
        return frames.take(area, area.pages, gfp, runs);
    }

    /// Mappings that the area needs: its pieces, and the covered part that follows.
    int mappingsNeeded() {
        return runs.pieces() + 1;
    }

    /// Records the frames in the page table, inside the scope that stands for the request's mask;
    /// false if a node could not be had.
    boolean enterTable() {
        int token = GfpScope.enter(gfp);
        try {
            while (enteringRun < runs.size()) {
                long left = runs.length(enteringRun) - enteredOfRun;
                long n = table.enter(area.start + Frames.bytes(entered),
                        runs.run(enteringRun) + enteredOfRun, left);
                entered += n;
                enteredOfRun += n;
                if (n < left) {
                    return false;
                }
                enteringRun++;
                enteredOfRun = 0;
            }
            return true;
        } finally {
            GfpScope.leave(token);
        }
    }

    /// Whether some run is one that the kernel would map by one large entry.
    boolean hasLargeRun() {
        for (int i = 0; i < runs.size(); i++) {
            if (runs.length(i) >= 1L << DataFrames.LARGE_ORDER) {
                return true;
            }
        }
        return false;
    }

    /// Maps the frames, one call for each piece; false if the operating system refused one.
    boolean map() {
        assert entered == area.pages : "all is recorded before anything is mapped";
        while (mappingRun < runs.size()) {
            int end = runs.pieceEnd(mappingRun);
            long length = 0;
            for (int i = mappingRun; i < end; i++) {
                length += runs.length(i);
            }
            if (!memory.map(area.start + Frames.bytes(mapped), runs.run(mappingRun), length)) {
                return false;
            }
            mapped += length;
            mappingRun = end;
        }
        return true;
    }

    /// Takes everything back but the address range and the mappings reserved.
    ///
    /// @return false if the operating system refused to unmap what was mapped: the area must then
    ///     be kept, whole, until it can be purged
    boolean abandon() {
        if (mapped > 0 && !memory.cover(area.start, Frames.bytes(mapped))) {
            return false;
        }
        mapped = 0;
        // The whole range: nodes on the way to one that was refused go, too, and what was recorded
        // of a run before a request for a node threw.
        table.clear(area.start, area.pages);
        entered = 0;
        runs.freeAll(pages);
        return true;
    }
}
