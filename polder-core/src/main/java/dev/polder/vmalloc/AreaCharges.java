package dev.polder.vmalloc;

import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.page.PageAllocator;
import dev.polder.task.Task;

/// Who pays for an area. While it is in use, its group; while it is kept for re-use, nobody: else a
/// group that frees what it has would not get below its limit.
final class AreaCharges {
    private final PageAllocator pages;
    private final PageTable table;

    AreaCharges(PageAllocator pages, PageTable table) {
        this.pages = pages;
        this.table = table;
    }

    /// True if a request of `gfp` on this thread is charged to anybody.
    static boolean isDue(int gfp) {
        return (gfp & Gfp.ACCOUNT) != 0 || Task.current().group() != null;
    }

    /// Charges an area that is taken again; false, and nothing charged, if a limit refuses.
    boolean charge(VmArea area, int gfp) {
        if (!isDue(gfp)) {
            return true;
        }
        area.charged = true;
        long address = area.start;
        while (address < area.end()) {
            long run = table.frameAt(address);
            if (!pages.charge(run, gfp)) {
                uncharge(area, address);
                return false;
            }
            address += Frames.SIZE << pages.frames().order(run);
        }
        return true;
    }

    /// Takes the charge off an area that is kept for re-use.
    void uncharge(VmArea area) {
        if (area.charged) {
            uncharge(area, area.end());
        }
    }

    private void uncharge(VmArea area, long end) {
        long address = area.start;
        while (address < end) {
            long run = table.frameAt(address);
            pages.uncharge(run);
            address += Frames.SIZE << pages.frames().order(run);
        }
        area.charged = false;
    }
}
