package dev.polder.store;

/// Sees the entries of a range, in key order ([Store#scan]).
@FunctionalInterface
public interface Visitor {
    /// Takes an entry. Called with nothing held; may use the store.
    ///
    /// @return false to stop
    boolean entry(byte[] key, byte[] value);
}
