package dev.polder;

/// What happens when a thread that was declared non-blocking (an event loop) makes a request that
/// could block.
public enum NonBlockingPolicy {
    /// Nothing special: the request may block.
    ALLOW,
    /// The request may block and is reported through `PolderEvents`.
    REPORT,
    /// The request loses DIRECT_RECLAIM and may fail instead of blocking. A request with NOFAIL is
    /// reported and never narrowed (row B17).
    NARROW
}
