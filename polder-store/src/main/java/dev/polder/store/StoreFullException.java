package dev.polder.store;

/// The disk, a quota or a file size limit is full. What was acknowledged is safe; make room and go
/// on.
public final class StoreFullException extends StoreException {
    private static final long serialVersionUID = 1L;

    StoreFullException(String message, Throwable cause) {
        super(message, cause);
    }
}
