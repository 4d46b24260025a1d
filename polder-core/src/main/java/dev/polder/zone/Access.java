package dev.polder.zone;

/// What a request may count on beyond the ordinary free frames (rows C2, C6): the kernel's
/// `ALLOC_HIGHATOMIC` and `ALLOC_RESERVES`. It changes nothing about the watermark, which the
/// caller has reduced already (C4).
public enum Access {
    /// What is kept for atomic requests is neither counted nor given.
    ORDINARY,
    /// A request that may use reserves: what is kept counts as free, but is not given.
    RESERVES,
    /// An atomic request of an order above 0: what is kept is for it, and where there is nothing
    /// kept yet the block that serves it becomes so.
    HIGH_ATOMIC
}
