package dev.polder.store;

/// What was read is not what was written: the disk or something else changed it.
public final class StoreCorruptException extends StoreException {
    private static final long serialVersionUID = 1L;

    StoreCorruptException(String message, Throwable cause) {
        super(message, cause);
    }
}
