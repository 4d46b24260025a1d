package dev.polder;

/// A shrinker's membership in a pool, ended by [#close].
public interface Registration extends AutoCloseable {
    /// The name under which the shrinker was registered.
    String name();

    /// Objects whose reclaim was put off to a caller that may do it.
    long deferred();

    /// Ends the membership and waits until no thread is inside the shrinker (row F12).
    /// A second call does nothing.
    ///
    /// @throws IllegalStateException if called from inside the shrinker itself: it would wait for
    ///     its own return
    @Override
    void close();
}
