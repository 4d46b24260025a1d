package dev.polder.vmalloc;

import dev.polder.base.Frames;
import dev.polder.page.PageAllocator;
import dev.polder.page.Role;
import dev.polder.zone.FrameTable;
import org.jspecify.annotations.Nullable;

/// Areas where frames cannot be mapped twice: each is one run of the linear map, freed at once.
final class ContiguousAreas {
    private final PageAllocator pages;

    ContiguousAreas(PageAllocator pages) {
        this.pages = pages;
    }

    /// An area in one run, or null if there is none, or none can be that long.
    @Nullable VmArea make(long size, long wanted, int gfp) {
        int order = Frames.orderFor(size);
        if (order > Frames.MAX_ORDER) {
            return null;
        }
        long run = pages.alloc(Role.VMALLOC_DATA, order, DataFrames.mask(gfp, 0));
        if (run == 0) {
            return null;
        }
        VmArea area = new VmArea(pages.address(run), wanted, size);
        pages.frames().owner(run, 1L << order, area);
        return area;
    }

    /// Gives the run of an area back.
    void free(VmArea area) {
        long run = pages.pfnOf(area.start);
        pages.frames().owner(run, frames(area), null);
        pages.free(run);
    }

    /// Calls `visitor` for each area.
    void forEach(Vmalloc.AreaVisitor visitor) {
        FrameTable frames = pages.frames();
        for (long pfn = 1; pfn < frames.size(); pfn++) {
            if (frames.isHead(pfn) && frames.owner(pfn) instanceof VmArea area) {
                visitor.area(area.start, area.requested, frames(area), 1);
            }
        }
    }

    /// Frames that the area occupies: its run is rounded up to a power of two.
    static long frames(VmArea area) {
        return 1L << Frames.orderFor(area.bytes());
    }
}
