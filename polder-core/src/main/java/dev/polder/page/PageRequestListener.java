package dev.polder.page;

/// Sees every page request of a pool, Polder's internal ones included. A port for tests and
/// diagnosis, off by default.
///
/// It is called on the requesting thread, after the request, with no Polder lock held. It must not
/// throw and must not allocate from the pool. If it throws all the same, whoever asked gets that,
/// and the run is free again.
@FunctionalInterface
public interface PageRequestListener {
    /// One request has ended.
    ///
    /// @param role what the pages were for
    /// @param order the run's order
    /// @param maskAtEntry the mask that the caller passed
    /// @param maskUsed that mask narrowed by the thread's scopes (`current_gfp_context`)
    /// @param got whether a run was found
    void request(Role role, int order, int maskAtEntry, int maskUsed, boolean got);
}
