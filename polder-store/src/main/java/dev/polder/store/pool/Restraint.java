package dev.polder.store.pool;

import dev.polder.gfp.MemallocScope;
import dev.polder.gfp.ReclaimDomain;
import dev.polder.gfp.ScopeSite;
import org.jspecify.annotations.Nullable;

/// What a store takes away from its own allocations so that reclaim does not come back into what it
/// holds. One implementation, `dev.polder.store`, reads the policy; this is how the layers below
/// ask.
public interface Restraint {
    /// The mask to use where the plain one would be `gfp`.
    int mask(int gfp);

    /// Opens the scope that goes with a journal handle; null for none.
    @Nullable MemallocScope hold(ReclaimDomain own, ScopeSite site);

    /// Opens the scope in which the flusher works; null for none.
    @Nullable MemallocScope writeback(ScopeSite site);
}
