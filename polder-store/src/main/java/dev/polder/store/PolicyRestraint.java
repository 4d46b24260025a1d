package dev.polder.store;

import dev.polder.gfp.Gfp;
import dev.polder.gfp.MemallocScope;
import dev.polder.gfp.ReclaimDomain;
import dev.polder.gfp.ScopeSite;
import dev.polder.store.pool.Restraint;
import org.jspecify.annotations.Nullable;

/// The one place where a [ReclaimPolicy] is read: masks here, scopes here, and nowhere else.
final class PolicyRestraint implements Restraint {
    private final ReclaimPolicy policy;
    private final boolean noIoWriteback;

    PolicyRestraint(ReclaimPolicy policy, boolean noIoWriteback) {
        this.policy = policy;
        this.noIoWriteback = noIoWriteback;
    }

    @Override
    public int mask(int gfp) {
        return policy == ReclaimPolicy.MASK ? gfp & ~Gfp.FS : gfp;
    }

    @Override
    public @Nullable MemallocScope hold(ReclaimDomain own, ScopeSite site) {
        return switch (policy) {
            case UNGUARDED, MASK -> null;
            case SCOPE -> MemallocScope.noFs(site);
            case DOMAIN -> MemallocScope.excluding(own, site);
        };
    }

    @Override
    public @Nullable MemallocScope writeback(ScopeSite site) {
        return noIoWriteback ? MemallocScope.noIo(site) : null;
    }
}
