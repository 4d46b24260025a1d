package dev.polder.debug;

/// Decides which internal allocations fail, for tests of the failure paths. The kernel's
/// `should_fail_ex`, `fail_page_alloc` and `failslab`.
///
/// It is asked once for each page request that it could fail, after the mask was narrowed by the
/// scopes and before memory is taken; requests with `__GFP_NOFAIL` are never offered to it
/// (row L1). It runs on the requesting thread, with no Polder lock held, must be quick,
/// must not throw and must not allocate from the pool.
@FunctionalInterface
public interface FaultInjector {
    /// Fails nothing: the default.
    FaultInjector NONE = (site, order, gfp) -> false;

    /// True to fail the request.
    ///
    /// @param site what asks, by the name of its role: `direct`, `slab`, `pgtable`, …
    /// @param order the run's order
    /// @param gfp the mask in use, narrowed by the scopes
    boolean shouldFail(String site, int order, int gfp);

    /// The same for one who knows how many bytes are asked for: an object's size, or a run's.
    default boolean shouldFail(String site, long bytes, int order, int gfp) {
        return shouldFail(site, order, gfp);
    }
}
