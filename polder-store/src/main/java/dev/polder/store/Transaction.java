package dev.polder.store;

import dev.polder.store.btree.TreeWriter;
import dev.polder.store.btree.WriteSet;
import dev.polder.store.file.StoreMeta;
import dev.polder.store.journal.JournalHandle;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Changes to a store that happen together or not at all. Others see them when [#commit] has
/// finished; the transaction itself sees them at once.
///
/// ```
///         put, get, delete                    commit: pages sealed, shown, in the running group
///  OPEN ◀──────────────────▶ OPEN ───────────────────────────────────────────────▶ ENDED
///    │ an exception from below                                                       ▲
///    ▼                     abort: private pages dropped, value runs free again       │
///  BROKEN ───────────────────────────────────────────────────────────────────────────┘
/// ```
/// While it is open it holds the store's write lock and a journal handle; the handle's scope says
/// what allocations below may reclaim. It is of the thread that began it. Two stores' transactions
/// on one thread end last-in first-out.
public final class Transaction implements AutoCloseable {
    private static final String OPEN = "";

    private final Store store;
    private final StoreParts parts;
    private final JournalHandle handle;
    private final WriteSet set;
    private final TreeWriter writer;
    private final StoreMeta before;
    private final Thread owner = Thread.currentThread();
    private final long beganNanos = System.nanoTime();
    private final List<ValueBuffer> buffers = new ArrayList<>(2);
    private String ended = OPEN;
    private @Nullable IOException broken;

    Transaction(Store store, StoreParts parts, JournalHandle handle) {
        this.store = store;
        this.parts = parts;
        this.handle = handle;
        this.before = parts.view().meta();
        this.set = parts.newSet();
        this.writer = parts.newWriter(set, before);
    }

    Thread owner() {
        return owner;
    }

    long beganNanos() {
        return beganNanos;
    }

    /// The value of a key as this transaction sees it, or null.
    public byte @Nullable [] get(byte[] key) {
        Store.checkKey(key);
        requireUsable();
        try {
            return writer.get(key);
        } catch (IOException e) {
            throw broke("read", e);
        }
    }

    /// Puts a value.
    ///
    /// @return true if the key was not there
    /// @throws IllegalArgumentException if the key is longer than [Store#MAX_KEY] or the value than
    ///     [Store#MAX_VALUE]
    public boolean put(byte[] key, byte[] value) {
        return putNative(key, MemorySegment.ofArray(value));
    }

    /// Puts a value that lies in a segment: it is copied.
    ///
    /// @return true if the key was not there
    public boolean putNative(byte[] key, MemorySegment value) {
        Store.checkKey(key);
        long length = Store.checkValue(value.byteSize());
        requireUsable();
        try {
            if (TreeWriter.standsInLeaf(key.length, length)) {
                return writer.putInLeaf(key, value, length);
            }
            MemorySegment buffer = parts.pool().buffer(TreeWriter.bufferBytes(length));
            try {
                MemorySegment.copy(value, 0, buffer, 0, length);
                return writer.putInRun(key, (int) length, bytes -> buffer);
            } finally {
                parts.pool().freeBuffer(buffer);
            }
        } catch (IOException e) {
            throw broke("put", e);
        }
    }

    /// Puts the first `length` bytes of a buffer: written as they are, without a copy.
    ///
    /// @return true if the key was not there
    public boolean put(byte[] key, ValueBuffer value, long length) {
        Store.checkKey(key);
        Store.checkValue(length);
        requireUsable();
        if (length > value.size() || !value.of(this)) {
            throw new IllegalArgumentException(value.of(this)
                    ? length + " bytes of a buffer of " + value.size()
                    : "the buffer is of another transaction");
        }
        MemorySegment whole = value.whole();
        try {
            return TreeWriter.standsInLeaf(key.length, length)
                    ? writer.putInLeaf(key, whole, length)
                    : writer.putInRun(key, (int) length, bytes -> whole);
        } catch (IOException e) {
            throw broke("put", e);
        }
    }

    /// Memory for a value of up to `size` bytes. Does not come back without it: waits, and
    /// reclaims, as the handle's scope and the store's policy allow.
    ///
    /// @throws IllegalArgumentException if `size` is not in 1…[Store#MAX_BUFFER]
    public ValueBuffer buffer(long size) {
        requireUsable();
        if (size < 1 || size > Store.MAX_BUFFER) {
            throw new IllegalArgumentException("a buffer has 1 to " + Store.MAX_BUFFER
                    + " bytes, not " + size);
        }
        ValueBuffer b = new ValueBuffer(this, parts.pool().buffer(TreeWriter.bufferBytes(size)),
                size);
        buffers.add(b);
        return b;
    }

    void release(ValueBuffer b, MemorySegment whole) {
        buffers.remove(b);
        parts.pool().freeBuffer(whole);
    }

    /// Takes a key out.
    ///
    /// @return false if it was not there
    public boolean delete(byte[] key) {
        Store.checkKey(key);
        requireUsable();
        try {
            return writer.delete(key);
        } catch (IOException e) {
            throw broke("delete", e);
        }
    }

    /// Ends the transaction and keeps its changes.
    ///
    /// @return the number of its commit group, for [Store#awaitDurable]
    /// @throws StoreException if it cannot be committed: it is aborted then
    public long commit() {
        requireUsable();
        long group;
        if (set.pages().isEmpty()) {
            group = parts.journal().durable();
            end("committed", false);
            return group;
        }
        try {
            set.prepare();
        } catch (IOException e) {
            StoreException why = StoreException.of(store.name(), "commit", e);
            end("aborted: its commit failed", true);
            throw why;
        } catch (RuntimeException | Error e) {
            end("aborted: its commit failed", true);
            throw e;
        }
        group = handle.groupId();
        set.seal(group);
        parts.journal().attach(handle, set, parts.view(), writer.meta(), writer.wroteRuns());
        parts.space().commit(group);
        parts.runBytes(writer.runBytes());
        end("committed", false);
        if (store.config().durability() == Durability.SYNC) {
            store.awaitDurable(group);
        }
        return group;
    }

    /// Ends the transaction and forgets its changes.
    ///
    /// @throws IllegalStateException if it ended before
    public void abort() {
        requireOwner();
        requireOpen();
        end("aborted", true);
    }

    /// Aborts the transaction if it is still open.
    @Override
    public void close() {
        requireOwner();
        if (ended.equals(OPEN)) {
            end("closed without a commit", true);
        }
    }

    private void end(String how, boolean abort) {
        ended = how;
        try {
            for (ValueBuffer b : List.copyOf(buffers)) {
                b.close();
            }
            if (abort) {
                set.abort();
                parts.space().abort();
                store.aborted();
            }
        } finally {
            try {
                handle.close();
            } finally {
                store.ended(this);
            }
        }
    }

    private StoreException broke(String doing, IOException e) {
        broken = e;
        return StoreException.of(store.name(), doing, e);
    }

    private void requireOwner() {
        if (Thread.currentThread() != owner) {
            throw new IllegalStateException("the transaction is of thread " + owner.getName()
                    + "; only that thread may use it");
        }
    }

    private void requireOpen() {
        if (!ended.equals(OPEN)) {
            throw new IllegalStateException("the transaction was " + ended);
        }
    }

    private void requireUsable() {
        requireOwner();
        requireOpen();
        IOException e = broken;
        if (e != null) {
            throw new StoreException("the transaction failed before (" + e.getMessage()
                    + "); abort it", e);
        }
    }
}
