package dev.polder.store.journal;

import java.io.IOException;

/// A commit could not be made durable; the journal takes nothing more. What was durable before is
/// there when the store is opened again.
public final class JournalFailedException extends IOException {
    private static final long serialVersionUID = 1L;

    /// An exception that names the store and the first failure.
    public JournalFailedException(String store, IOException why) {
        super("its journal could not be written (" + why.getMessage() + "); close store '" + store
                + "', repair the disk and open it again: everything acknowledged is there", why);
    }
}
