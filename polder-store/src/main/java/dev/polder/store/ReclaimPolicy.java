package dev.polder.store;

/// How a store keeps reclaim from coming back into what it holds while it asks for memory.
public enum ReclaimPolicy {
    /// Not at all: GFP_KERNEL, no scope. A writer that holds its journal handle and is sent into
    /// its own store's eviction waits for a commit that waits for it. Shows why the others exist.
    UNGUARDED,
    /// Every allocation of the store says NOFS, whether it holds anything or not.
    MASK,
    /// The journal handle opens a NOFS scope: below it, reclaim takes no store's locks.
    SCOPE,
    /// The journal handle excludes the store's own domain: below it, reclaim takes from everybody
    /// else, without waiting for locks.
    DOMAIN
}
