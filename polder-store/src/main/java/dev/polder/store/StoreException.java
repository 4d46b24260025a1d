package dev.polder.store;

import dev.polder.store.btree.TooManyPagesException;
import dev.polder.store.file.CorruptPageException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.NoSuchFileException;

/// Something the store could not do. The message says what, and what to do about it.
///
/// A transaction in which it is thrown can only be aborted; the store is as before it.
public sealed class StoreException extends RuntimeException
        permits StoreFullException, StoreCorruptException, TransactionTooLargeException {
    private static final long serialVersionUID = 1L;

    StoreException(String message, Throwable cause) {
        super(message, cause);
    }

    static StoreException of(String store, String doing, IOException e) {
        String text = "store '" + store + "' could not " + doing + ": " + why(e);
        return switch (e) {
            case TooManyPagesException t -> new TransactionTooLargeException(text, t);
            case CorruptPageException c -> new StoreCorruptException(text, c);
            default -> full(e) ? new StoreFullException(text, e) : new StoreException(text, e);
        };
    }

    /// Some of the JDK's exceptions have nothing but the file's name to say.
    private static String why(IOException e) {
        return e.getMessage() + switch (e) {
            case AccessDeniedException _ -> " may not be read or written by this user";
            case NoSuchFileException _ -> " does not exist";
            case FileAlreadyExistsException _ -> " exists and is no directory";
            default -> "";
        };
    }

    /// The JDK has no exception of its own for a full disk, only the system's words.
    private static boolean full(IOException e) {
        String m = String.valueOf(e.getMessage());
        return m.contains("No space left") || m.contains("quota exceeded")
                || m.contains("File too large");
    }
}
