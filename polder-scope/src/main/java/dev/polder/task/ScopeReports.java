package dev.polder.task;

import org.jspecify.annotations.Nullable;

/// Where this package tells of scopes that went wrong. Implemented above, by the class that hands
/// events to `PolderEvents`; called on the thread that noticed, and must neither throw nor block.
public abstract class ScopeReports {
    private static volatile @Nullable ScopeReports instance;

    /// For the one implementation.
    protected ScopeReports() {}

    /// Called once, when the first class that opens scopes is initialised.
    public static void install(ScopeReports reports) {
        instance = reports;
    }

    static @Nullable ScopeReports get() {
        return instance;
    }

    /// A thread ended, or a handed-over task returned, inside a scope or exclusion.
    public abstract void leaked(String thread, String scopes);

    /// A `Memalloc` token was given back out of order, twice, or to another family.
    public abstract void crossed(String thread, String what);

    /// A scope has been open for so long that it was probably forgotten.
    public abstract void openTooLong(String thread, String scope, long seconds);
}
