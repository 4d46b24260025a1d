package dev.polder.lockdep.polder;

import dev.polder.gfp.FsReclaim;
import java.util.concurrent.atomic.AtomicLong;

/// Has reclaim's callbacks run though memory is plenty, so that a plain unit test shows what
/// reclaim takes.
///
/// Every n-th allocation that may reclaim first has its pool call each shrinker that direct reclaim
/// for it might call. Whether a pool can do so is the pool's matter: one that announces requests
/// without a `Reclaimer` is never forced.
public final class ForcedReclaim {
    private final AtomicLong allocations = new AtomicLong();
    private final AtomicLong runs = new AtomicLong();
    private final int every;

    /// Forces reclaim at every n-th allocation; 0 never.
    public ForcedReclaim(int every) {
        if (every < 0) {
            throw new IllegalArgumentException("reclaim forced every " + every + " allocations");
        }
        this.every = every;
    }

    /// How often reclaim was forced.
    public long runs() {
        return runs.get();
    }

    /// An allocation is made that may reclaim.
    void allocation(int effectiveGfp, FsReclaim.Reclaimer from) {
        if (every > 0 && allocations.incrementAndGet() % every == 0) {
            runs.incrementAndGet();
            from.force(effectiveGfp);
        }
    }
}
