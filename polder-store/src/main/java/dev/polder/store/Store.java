package dev.polder.store;

import dev.polder.Polder;
import dev.polder.gfp.ReclaimDomain;
import dev.polder.store.cache.CacheFigures;
import dev.polder.store.file.PageImage;
import dev.polder.store.file.StoreMeta;
import dev.polder.store.journal.JournalHandle;
import dev.polder.store.watch.Waits;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.jspecify.annotations.Nullable;

/// An ordered map from keys to values in a directory, safe against crashes, with its memory in a
/// pool of Polder. One writer at a time, any number of readers beside it.
///
/// What is promised:
///
/// 1. What a transaction did is there after any crash once its commit was acknowledged: when
///    [Transaction#commit] returned with [Durability#SYNC], or [#flush] did.
/// 2. A transaction is there whole or not at all, and only after all that were committed before it.
/// 3. Readers never see a part of a transaction, nor one that was aborted. They do not wait for
///    writers, except while a finished transaction is put in.
/// 4. Memory is given back under pressure without loss. Under every [ReclaimPolicy] but UNGUARDED
///    nobody waits for himself.
///
/// Locks, in the order in which they are taken; only the first three are held while memory is asked
/// for: gate (operations against close; reads only try it) · write lock · journal handle · tree
/// latch · cache lock; journal lock and flusher lock are taken alone, or before the cache's.
public final class Store implements AutoCloseable {
    /// Longest key: four cells of that size still fit a page.
    public static final int MAX_KEY = 1024;
    /// Longest value: 16 MiB.
    public static final int MAX_VALUE = 16 << 20;
    /// Largest [Transaction#buffer]: merging needs more room than what comes of it.
    public static final long MAX_BUFFER = 256L << 20;
    /// Pages at rest from which on a checkpoint is asked for, to use them again: 4 MiB, or an
    /// eighth of the file if that is more.
    private static final long REST = 1024;

    private final StoreConfig config;
    private final ReclaimDomain domain;
    private final StoreParts parts;
    private final ReentrantReadWriteLock gate = new ReentrantReadWriteLock();
    private final ReentrantLock writeLock = new ReentrantLock();
    private final Waits.Source source = this::held;
    private final LongAdder aborts = new LongAdder();
    private final LongAdder writeStalls = new LongAdder();
    private final LongAdder writeStallNanos = new LongAdder();
    private volatile @Nullable Transaction current;
    private volatile boolean closed;

    private Store(StoreConfig config, ReclaimDomain domain, StoreParts parts) {
        this.config = config;
        this.domain = domain;
        this.parts = parts;
    }

    /// Opens the store in a directory; makes one if there is none and the configuration says so.
    /// What a crash left is recovered before this returns.
    ///
    /// @throws StoreException if that cannot be done; the message says why
    public static Store open(Path dir, Polder pool, StoreConfig config) {
        ReclaimDomain domain = ReclaimDomain.of(config.name());
        StoreParts parts;
        try {
            parts = StoreParts.open(dir, pool, config, domain);
        } catch (IOException e) {
            throw StoreException.of(config.name(), "open " + dir, e);
        }
        Store store = new Store(config, domain, parts);
        Waits.register(store.source);
        return store;
    }

    /// The store's name.
    public String name() {
        return config.name();
    }

    /// How it was opened.
    public StoreConfig config() {
        return config;
    }

    /// The domain of its shrinkers.
    public ReclaimDomain domain() {
        return domain;
    }

    /// An operation that may meet the disk.
    private interface Operation<T extends @Nullable Object> {
        T run() throws IOException;
    }

    private <T extends @Nullable Object> T read(String doing, Operation<T> op) {
        enter();
        try {
            requireOpen();
            parts.journal().requireSound();
            return op.run();
        } catch (IOException e) {
            throw StoreException.of(name(), doing, e);
        } finally {
            gate.readLock().unlock();
        }
    }

    /// Enters the gate without ever waiting: it is shut by the store's end only. A read that queued
    /// behind a closing thread inside another store's transaction would hold up that one's commit,
    /// for which a reader here, whom the closing thread waits for, may wait in reclaim.
    private void enter() {
        if (!gate.readLock().tryLock()) {
            throw closed();
        }
    }

    /// The value of a key, or null if there is none.
    public byte @Nullable [] get(byte[] key) {
        checkKey(key);
        return this.<byte @Nullable []>read("read", () -> parts.reader().get(key));
    }

    /// Hands the value of a key to `reader` where it lies, without a copy.
    ///
    /// @return its length, or -1 if there is none
    public long get(byte[] key, ValueReader reader) {
        checkKey(key);
        return read("read", () -> parts.reader().get(key, reader::chunk));
    }

    /// Visits the entries from `from` (inclusive) to `to` (exclusive; null: the end), in order.
    /// Each leaf is seen as it is when it is reached: not a snapshot.
    ///
    /// @return entries visited
    public long scan(byte[] from, byte @Nullable [] to, Visitor visitor) {
        byte[] start = from.length > MAX_KEY ? Arrays.copyOf(from, MAX_KEY + 1) : from;
        return read("scan", () -> parts.reader().scan(start, to, visitor::entry));
    }

    /// Puts one value, in a transaction of its own.
    ///
    /// @return true if the key was not there
    public boolean put(byte[] key, byte[] value) {
        checkKey(key);
        checkValue(value.length);
        try (Transaction t = begin()) {
            boolean fresh = t.put(key, value);
            t.commit();
            return fresh;
        }
    }

    /// Takes one key out, in a transaction of its own.
    ///
    /// @return false if it was not there
    public boolean delete(byte[] key) {
        checkKey(key);
        try (Transaction t = begin()) {
            boolean was = t.delete(key);
            t.commit();
            return was;
        }
    }

    /// Begins a transaction: waits for the one that is open, and for the flusher where there are
    /// too many dirty pages.
    ///
    /// @throws IllegalStateException if this thread has one open
    /// @throws StoreException if the disk does not take what was committed before
    public Transaction begin() {
        if (writeLock.isHeldByCurrentThread()) {
            throw new IllegalStateException("this thread has a transaction of store '" + name()
                    + "' open; end it first");
        }
        requireOpen();
        lockForWriting();
        boolean done = false;
        try {
            requireOpen();
            parts.journal().requireSound();
            parts.flusher().throttle(parts.dirtyPages());
            reuseSpace();
            JournalHandle handle = parts.journal().open();
            Transaction t = new Transaction(this, parts, handle);
            current = t;
            done = true;
            return t;
        } catch (IOException e) {
            throw StoreException.of(name(), "begin a transaction", e);
        } finally {
            if (!done) {
                writeLock.unlock();
            }
        }
    }

    private void lockForWriting() {
        if (writeLock.tryLock()) {
            return;
        }
        long began = System.nanoTime();
        writeStalls.increment();
        try (Waits.Waiting _ = Waits.begin(writeLockName())) {
            writeLock.lock();
        } finally {
            writeStallNanos.add(System.nanoTime() - began);
        }
    }

    private String writeLockName() {
        return "write lock of '" + name() + "'";
    }

    private void reuseSpace() {
        parts.space().passed(parts.flusher().passedGroup());
        if (parts.space().restingPages() > Math.max(REST, parts.space().pages() / 8)) {
            parts.flusher().wantCheckpoint();
        }
    }

    void ended(Transaction t) {
        assert current == t : "a transaction ended that was not open";
        current = null;
        writeLock.unlock();
    }

    StoreShrinkers shrinkers() {
        return parts.shrinkers();
    }

    Lock cacheLock() {
        return parts.cache().lock();
    }

    void aborted() {
        aborts.increment();
    }

    /// Newest commit group that survives a crash.
    public long durableThrough() {
        return parts.journal().durable();
    }

    /// Waits until a commit group is durable.
    ///
    /// @param commit what [Transaction#commit] returned
    /// @throws StoreException if it never will be: the journal could not be written
    public void awaitDurable(long commit) {
        if (!parts.journal().awaitCommit(commit)) {
            try {
                parts.journal().requireSound();
            } catch (IOException e) {
                throw StoreException.of(name(), "make a transaction durable", e);
            }
            throw new IllegalStateException("store '" + name() + "' was closed before transaction "
                    + commit + " was durable");
        }
    }

    /// Returns when everything committed before is durable.
    public void flush() {
        requireOpen();
        awaitDurable(parts.journal().newest());
    }

    /// Returns when everything committed before is in its place and the journal is empty.
    public void checkpoint() {
        flush();
        try {
            parts.flusher().checkpoint();
        } catch (IOException e) {
            throw StoreException.of(name(), "write back", e);
        }
    }

    /// Walks the whole store: tree, checksums, key order, values, space map, cache. No transaction
    /// runs meanwhile.
    ///
    /// @throws IllegalStateException at the first thing that is not as it must be
    public void verify() {
        requireOpen();
        if (writeLock.isHeldByCurrentThread()) {
            throw new IllegalStateException("end this thread's transaction first");
        }
        lockForWriting();
        try {
            requireOpen();
            parts.verify();
        } catch (IOException e) {
            throw StoreException.of(name(), "verify", e);
        } finally {
            writeLock.unlock();
        }
    }

    /// The store's figures.
    public StoreStats stats() {
        StoreParts p = parts;
        StoreMeta meta = p.view().meta();
        CacheFigures c = p.cache().figures();
        return new StoreStats(name(), c.hits(), c.misses(), c.evictions(), c.frames(),
                c.treePages(), c.dirtyPages(), c.loggedPages(), p.committer().commits(),
                p.committer().transactions(), aborts.sum(), c.misses() * PageImage.SIZE,
                p.committer().bytes() + p.flusher().bytes() + p.runBytes(),
                p.flusher().checkpoints(),
                writeStalls.sum() + p.journal().waits().stalls() + p.flusher().waits().stalls(),
                writeStallNanos.sum() + p.journal().waits().stallNanos()
                        + p.flusher().waits().stallNanos(),
                p.shrinkers().stops(), p.shrinkers().commitWaits(), p.journal().reentries(),
                meta.keys(), p.space().livePages());
    }

    /// Makes everything durable and ends the store. Waits for operations of other threads, and for
    /// a transaction of another thread to end. The second time does nothing.
    ///
    /// @throws IllegalStateException if this thread has a transaction or a visitor of it running
    /// @throws StoreException if the disk refused the last of it; the store is closed nevertheless
    @Override
    public void close() {
        if (writeLock.isHeldByCurrentThread() || gate.getReadHoldCount() > 0) {
            throw new IllegalStateException("store '" + name()
                    + "' cannot be closed from inside its own transaction or visitor");
        }
        synchronized (source) {
            if (closed) {
                return;
            }
            closed = true;
        }
        parts.release();
        writeLock.lock();
        gate.writeLock().lock();
        try {
            try {
                parts.stop();
            } finally {
                Waits.unregister(source);
                parts.giveBack();
            }
        } catch (IOException e) {
            throw StoreException.of(name(), "close", e);
        } finally {
            gate.writeLock().unlock();
            writeLock.unlock();
        }
    }

    private void held(List<Waits.Held> list) {
        parts.held(list);
        Transaction t = current;
        if (t != null) {
            list.add(new Waits.Held(t.owner(), writeLockName(), t.beganNanos(),
                    "has a transaction open"));
        }
    }

    private void requireOpen() {
        if (closed) {
            throw closed();
        }
    }

    private IllegalStateException closed() {
        return new IllegalStateException("store '" + name() + "' is closed");
    }

    static void checkKey(byte[] key) {
        if (key.length > MAX_KEY) {
            throw new IllegalArgumentException("a key has at most " + MAX_KEY + " bytes, not "
                    + key.length);
        }
    }

    static long checkValue(long length) {
        if (length < 0 || length > MAX_VALUE) {
            throw new IllegalArgumentException("a value has at most " + MAX_VALUE + " bytes, not "
                    + length);
        }
        return length;
    }
}
