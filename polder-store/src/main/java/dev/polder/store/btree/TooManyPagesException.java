package dev.polder.store.btree;

import java.io.IOException;

/// A transaction changed more pages than one may: they could not leave memory before its commit.
public final class TooManyPagesException extends IOException {
    private static final long serialVersionUID = 1L;

    /// An exception that names the limit.
    public TooManyPagesException(int limit) {
        super("the transaction changes more than " + limit + " pages; commit in smaller steps, or"
                + " raise transactionPages");
    }
}
