package dev.polder.vmalloc;

import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.page.PageAllocator;
import dev.polder.page.Role;

/// Takes the data frames of an area. The kernel's `vm_area_alloc_pages`.
///
/// Runs of several frames first, as long as there are: each is one system call and one mapping.
/// They are taken only where they lie free, without reclaim, and the order only shrinks
/// (row H8, H9: the bulk attempt). Only single frames are worth the request's full
/// effort. The mask is the caller's own with NOWARN (H2).
final class DataFrames {
    /// From this order, 2 MiB, the kernel maps a run by one large entry, and does not insist on it.
    static final int LARGE_ORDER = 9;

    private final PageAllocator pages;

    DataFrames(PageAllocator pages) {
        this.pages = pages;
    }

    /// The mask for a run of `order`.
    static int mask(int gfp, int order) {
        int mask = gfp | Gfp.NOWARN;
        return order >= LARGE_ORDER ? mask & ~Gfp.NOFAIL : mask;
    }

    /// Completes `runs` to `wanted` frames, owned by `area`.
    ///
    /// @return false if memory ran short or the pool closes (H9); the runs taken so far stay in the
    ///     list, also when a request throws
    boolean take(VmArea area, long wanted, int gfp, RunList runs) {
        boolean nofail = (gfp & Gfp.NOFAIL) != 0;
        int order = Frames.MAX_ORDER;
        while (runs.pages() < wanted) {
            order = Math.min(order, Frames.orderWithin(wanted - runs.pages()));
            int mask = mask(gfp, order);
            runs.expectOne();
            long run = order > 0 ? pages.tryAlloc(Role.VMALLOC_DATA, order, mask)
                    : pages.alloc(Role.VMALLOC_DATA, 0, mask);
            if (run != 0) {
                runs.add(run, order);
                pages.frames().owner(run, 1L << order, area);
            } else if (order > 0) {
                order--;
            } else {
                return false;
            }
            if (pages.closing() && !nofail) {
                return false;
            }
        }
        return true;
    }
}
