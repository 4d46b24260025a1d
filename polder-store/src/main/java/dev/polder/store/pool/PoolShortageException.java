package dev.polder.store.pool;

import java.io.IOException;

/// The pool had no memory for something that the store can do without: the operation ends, the
/// store is as before.
public final class PoolShortageException extends IOException {
    private static final long serialVersionUID = 1L;

    /// An exception that says what for.
    public PoolShortageException(String what) {
        super("the pool has no memory for " + what + "; free some, or give it a larger budget");
    }
}
