package dev.polder.shrink;

/// One of Polder's own caches that gives frames back without any consumer's help.
///
/// Called on a thread in reclaim, with no Polder lock held by the caller; it may take its own, asks
/// for no memory and does not wait for consumers. Frames that the calling thread returns to the
/// zone are counted there, and are progress. `reclaim` also says how many frames became available:
/// those beyond the counter, such as free frames moved from a stripe's list, may satisfy the
/// request at hand, but are no progress of reclaim, or a trickle of them would keep a hopeless
/// request going.
public interface InternalReclaimer {

    /// When in a pass the cache is asked.
    enum Phase {
        /// Before the first consumer: what nobody uses now, such as sheaves and lazily freed areas.
        BEFORE_CONSUMERS,
        /// After the consumers: what their frees emptied, such as slabs without an object.
        AFTER_CONSUMERS
    }

    /// When it is asked.
    Phase phase();

    /// A name for reports.
    String name();

    /// About how many frames [#reclaim] could free now. Cheap; may be out of date.
    long reclaimableFrames();

    /// Frames kept beyond what is worth keeping, which background reclaim takes back even while the
    /// pool has enough free memory, once asked to trim.
    default long excessFrames() {
        return 0;
    }

    /// Frees about `wantFrames` frames and returns how many became available; 0 if none.
    long reclaim(long wantFrames);
}
