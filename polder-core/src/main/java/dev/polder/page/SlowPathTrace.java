package dev.polder.page;

/// Sees the steps of requests in the slow path, in their order (row D2). The kernel's tracepoints
/// there; a port for tests, off by default. Called on the requesting thread with no lock held; it
/// must not throw nor ask the pool for memory.
@FunctionalInterface
interface SlowPathTrace {
    /// Sees nothing.
    SlowPathTrace NONE = (step, detail) -> { };

    /// A request is at `step`.
    ///
    /// @param detail what the step's description says; else 0
    void at(Step step, long detail);

    /// What a request does next.
    enum Step {
        /// The attempt above the low mark has failed.
        ENTER,
        /// kswapd is woken.
        WAKE_KSWAPD,
        /// An attempt; the detail is the watermark, -1 for none.
        ATTEMPT,
        /// Direct reclaim.
        RECLAIM,
        /// A run was kept for the request while it reclaimed.
        CAPTURED,
        /// A block kept for atomic requests is given back; the detail is 1 if by force.
        GIVE_BACK_HIGH_ATOMIC,
        /// The stripes' lists are put back.
        DRAIN,
        /// The out-of-memory path, where the policy may be asked.
        OUT_OF_MEMORY,
        /// A wait of a tick.
        WAIT
    }
}
