package dev.polder.task;

/// What a pool keeps about a thread, and hears from it.
public abstract class PoolState {
    /// For pools.
    protected PoolState() {}

    /// The thread is from now on, or no longer, one whose requests need a look: in direct reclaim,
    /// or in a memory group. On that thread; neither blocks nor allocates.
    protected abstract void apart(boolean on);
}
