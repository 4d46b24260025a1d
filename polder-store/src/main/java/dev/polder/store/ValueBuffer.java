package dev.polder.store;

import java.lang.foreign.MemorySegment;

/// Memory in which a transaction prepares a value: from `kvmalloc`, asked for with NOFAIL under the
/// journal handle. [Transaction#put(byte\[\], ValueBuffer, long)] writes it without a copy.
///
/// Ends with [#close] or with its transaction.
public final class ValueBuffer implements AutoCloseable {
    private final Transaction transaction;
    private final MemorySegment whole;
    private final long size;
    private boolean open = true;

    ValueBuffer(Transaction transaction, MemorySegment whole, long size) {
        this.transaction = transaction;
        this.whole = whole;
        this.size = size;
    }

    /// The memory. Its content is not zeroed, and behind the length of a `put` it is spoilt by it.
    ///
    /// @throws IllegalStateException if the buffer was closed
    public MemorySegment segment() {
        return whole().asSlice(0, size);
    }

    /// Bytes that it was asked to hold.
    public long size() {
        return size;
    }

    MemorySegment whole() {
        if (!open) {
            throw new IllegalStateException("the value buffer is closed");
        }
        return whole;
    }

    boolean of(Transaction t) {
        return transaction == t;
    }

    /// Gives the memory back; the second time does nothing.
    @Override
    public void close() {
        if (open) {
            open = false;
            transaction.release(this, whole);
        }
    }
}
