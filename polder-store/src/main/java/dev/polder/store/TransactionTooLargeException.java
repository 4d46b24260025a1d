package dev.polder.store;

/// A transaction changes more pages than [StoreConfig#transactionPages] allows; commit in smaller
/// steps.
public final class TransactionTooLargeException extends StoreException {
    private static final long serialVersionUID = 1L;

    TransactionTooLargeException(String message, Throwable cause) {
        super(message, cause);
    }
}
