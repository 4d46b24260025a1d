package dev.polder.vmalloc;

import dev.polder.gfp.Gfp;
import dev.polder.task.Task;

/// The scope that stands for a mask where no mask can be passed. The kernel's
/// `memalloc_apply_gfp_scope` and `memalloc_restore_scope`.
///
/// Deep inside the mapping routine page tables are asked for with GFP_KERNEL, whatever the
/// request's mask was; the scope narrows them all the same (row H3, H4).
final class GfpScope {
    private GfpScope() {}

    /// The bit of the scope word that stands for `gfp`, or 0. First match wins (H4): a mask that
    /// may not block, or may fail early, must not make its page tables reclaim at all; else what
    /// the mask lacks is taken away. For FS without IO, which the kernel does not recognise (H5),
    /// the only scope that takes IO away is NOIO, and page tables get that: narrower than the mask,
    /// never wider.
    static int of(int gfp) {
        if (!Gfp.allowsBlocking(gfp) || (gfp & (Gfp.NORETRY | Gfp.RETRY_MAYFAIL)) != 0) {
            return Task.NORECLAIM;
        }
        if ((gfp & Gfp.IO) == 0) {
            return Task.NOIO;
        }
        return (gfp & Gfp.FS) == 0 ? Task.NOFS : 0;
    }

    /// Enters the scope for `gfp` on the current thread.
    ///
    /// @return what [#leave] takes; 0 if nothing was applied
    static int enter(int gfp) {
        int bits = of(gfp);
        return bits == 0 ? 0 : Task.current().saveFlags(bits);
    }

    /// Leaves the scope entered last.
    static void leave(int token) {
        if (token != 0) {
            Task.current().restoreFlags(token);
        }
    }
}
