package dev.polder.store.file;

import java.io.IOException;

/// A page on the disk is not what was written there.
public final class CorruptPageException extends IOException {
    private static final long serialVersionUID = 1L;

    /// An exception that says which page of which file, and what is wrong.
    public CorruptPageException(String file, long page, String wrong) {
        super("page " + page + " of " + file + " is corrupt: " + wrong);
    }
}
