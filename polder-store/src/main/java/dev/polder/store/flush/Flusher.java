package dev.polder.store.flush;

import dev.polder.gfp.MemallocScope;
import dev.polder.gfp.ScopeSite;
import dev.polder.store.cache.Page;
import dev.polder.store.cache.PageCache;
import dev.polder.store.file.PageImage;
import dev.polder.store.file.StoreFile;
import dev.polder.store.file.Superblock;
import dev.polder.store.journal.Journal;
import dev.polder.store.pool.StorePool;
import dev.polder.store.watch.WaitPoint;
import dev.polder.store.watch.Waits;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import java.util.zip.Deflater;
import org.jspecify.annotations.Nullable;

/// The thread that puts dirty pages in place and moves the superblock. The kernel's writeback
/// worker, and jbd2's checkpoint.
///
/// It holds the write queue, and threads that reclaim wait for it: what it allocates itself must
/// not start or wait for I/O. So it works in a NOIO scope, takes its requests from a memory pool,
/// and has a small buffer of its own for when the pool gives it none: it always gets on.
///
/// A checkpoint to the newest durable group: (1) every dirty page of that group and older ones is
/// written; (2) the data file is synced; (3) the superblock that says so goes into the other slot,
/// synced; (4) the log before is free, and so are the pages that those groups freed.
public final class Flusher implements Runnable {
    private static final ScopeSite SITE = ScopeSite.of("holds the write queue");
    /// After an error of the disk: long enough not to turn in circles, short enough for a disk that
    /// was full and has room again.
    private static final long RETRY_NANOS = 100_000_000L;

    private final String name;
    private final PageCache cache;
    private final StorePool pool;
    private final Journal journal;
    private final StoreFile data;
    private final WriteQueue queue;
    private final Deflater deflater = new Deflater(Deflater.BEST_SPEED);
    private final MemorySegment scratch;
    private final int background;
    private final ReentrantLock lock = new ReentrantLock();
    private final WaitPoint waits = new WaitPoint(lock);
    private final LongAdder checkpoints = new LongAdder();

    private Superblock superblock;
    private boolean wanted;
    private long checkpointsAsked;
    private long checkpointsDone;
    private long passedGroup;
    private long cleaned;
    private boolean releasing;
    private boolean closing;
    private boolean stopped;
    private long failures;
    private @Nullable IOException error;

    /// A flusher; it works when a thread runs it.
    ///
    /// @param reserve [#reserveBytes] of memory
    /// @param start the superblock that is on the disk
    public Flusher(Setup setup, PageCache cache, StorePool pool, Journal journal, StoreFile data,
            MemorySegment reserve, Superblock start) {
        this.name = setup.name;
        this.background = setup.background;
        this.cache = cache;
        this.pool = pool;
        this.journal = journal;
        this.data = data;
        this.scratch = reserve.asSlice(0, PageImage.SIZE);
        this.queue = new WriteQueue(pool, data, reserve.asSlice(PageImage.SIZE),
                setup.compression ? deflater : null);
        this.superblock = start;
        this.passedGroup = start.nextGroup() - 1;
    }

    /// How a flusher works.
    ///
    /// @param name the store's name
    /// @param background dirty pages from which on it writes without being asked
    /// @param compression pages are packed
    public record Setup(String name, int background, boolean compression) {}

    /// Memory that a flusher needs for its whole life.
    public static long reserveBytes() {
        return (1L + WriteQueue.RESERVE) * PageImage.SIZE;
    }

    /// Requests that the memory pool must guarantee.
    public static int inFlight() {
        return WriteQueue.MOST;
    }

    @Override
    public void run() {
        try {
            while (awaitWork()) {
                boolean checkpoint = checkpointDue();
                try (MemallocScope _ = pool.writeback(SITE)) {
                    pass(checkpoint);
                    report(null);
                } catch (IOException e) {
                    report(e);
                }
            }
        } catch (RuntimeException | Error e) {
            report(new IOException("the flusher ended: " + e, e));
        } finally {
            deflater.end();
            end();
        }
    }

    private boolean awaitWork() {
        lock.lock();
        try {
            long pause = error == null ? Long.MAX_VALUE : RETRY_NANOS;
            while (!closing) {
                boolean work = wanted || checkpointsAsked > checkpointsDone
                        || cache.figures().dirtyPages() >= background;
                if (work && (error == null || pause <= 0)) {
                    wanted = false;
                    return true;
                }
                try {
                    pause = waits.condition().awaitNanos(pause);
                } catch (InterruptedException e) {
                    // Only this thread comes here, and nobody has it to interrupt it.
                    assert closing : "the flusher was interrupted";
                }
            }
            return false;
        } finally {
            lock.unlock();
        }
    }

    private boolean checkpointDue() {
        lock.lock();
        try {
            return checkpointsAsked > checkpointsDone;
        } finally {
            lock.unlock();
        }
    }

    private void pass(boolean checkpoint) throws IOException {
        long asked = asked();
        Journal.Durable to = journal.durableState();
        @Nullable Page[] batch = new @Nullable Page[WriteQueue.MOST];
        int n = cache.takeDirty(batch, to.group());
        while (n > 0) {
            write(batch, n);
            n = cache.takeDirty(batch, to.group());
        }
        if (checkpoint) {
            checkpoint(to, asked);
        }
    }

    private long asked() {
        lock.lock();
        try {
            return checkpointsAsked;
        } finally {
            lock.unlock();
        }
    }

    private void write(@Nullable Page[] taken, int n) throws IOException {
        Page[] batch = Arrays.copyOf(taken, n, Page[].class);
        Arrays.sort(batch, (a, b) -> Long.compare(a.number(), b.number()));
        int[] done = new int[1];
        try {
            queue.write(batch, n, p -> {
                done[0]++;
                cache.written(p, true);
            });
        } finally {
            for (int i = done[0]; i < n; i++) {
                cache.written(batch[i], false);
            }
            Arrays.fill(taken, 0, n, null);
            lock.lock();
            try {
                cleaned += done[0];
                waits.wakeAll();
            } finally {
                lock.unlock();
            }
        }
    }

    private void checkpoint(Journal.Durable to, long asked) throws IOException {
        if (to.head() != superblock.tail()) {
            data.force();
            Superblock next = new Superblock(superblock.sequence() + 1, superblock.store(),
                    superblock.epoch(), to.group() + 1, to.head(), to.meta());
            next.write(data, scratch);
            data.force();
            superblock = next;
            checkpoints.increment();
            journal.passed(to.head());
        }
        lock.lock();
        try {
            passedGroup = to.group();
            checkpointsDone = asked;
            waits.wakeAll();
        } finally {
            lock.unlock();
        }
    }

    private void report(@Nullable IOException e) {
        journal.spaceTrouble(e);
        lock.lock();
        try {
            error = e;
            failures += e == null ? 0 : 1;
            waits.wakeAll();
        } finally {
            lock.unlock();
        }
    }

    private void end() {
        lock.lock();
        try {
            stopped = true;
            waits.wakeAll();
        } finally {
            lock.unlock();
        }
    }

    /// Asks for dirty pages to be written. Does not wait; from anywhere, also from reclaim.
    public void wake() {
        lock.lock();
        try {
            wanted = true;
            waits.wakeAll();
        } finally {
            lock.unlock();
        }
    }

    /// Asks for a checkpoint. Does not wait.
    public void wantCheckpoint() {
        lock.lock();
        try {
            if (checkpointsAsked == checkpointsDone) {
                checkpointsAsked++;
            }
            waits.wakeAll();
        } finally {
            lock.unlock();
        }
    }

    /// A checkpoint of everything that is durable now.
    ///
    /// @throws IOException if the disk refuses
    public void checkpoint() throws IOException {
        lock.lock();
        try {
            // One that is under way may have begun before what is to be passed was durable.
            long mine = ++checkpointsAsked;
            // An error of before may be over: only a new one counts.
            long failed = failures;
            waits.wakeAll();
            waits.await("checkpoint of '" + name + "'",
                    () -> checkpointsDone >= mine || failures > failed || stopped);
            IOException why = error;
            if (checkpointsDone < mine && why != null) {
                throw why;
            }
        } finally {
            lock.unlock();
        }
    }

    /// Newest group that a checkpoint has passed.
    public long passedGroup() {
        lock.lock();
        try {
            return passedGroup;
        } finally {
            lock.unlock();
        }
    }

    /// Waits while there are more than `most` dirty pages: for writers, before they take a handle.
    ///
    /// @throws IOException if they cannot be written
    public void throttle(int most) throws IOException {
        if (cache.figures().dirtyPages() <= most) {
            return;
        }
        lock.lock();
        try {
            wanted = true;
            waits.wakeAll();
            waits.await(writeback(), () -> cache.figures().dirtyPages() <= most || error != null
                    || stopped);
            if (cache.figures().dirtyPages() > most && error != null) {
                throw error;
            }
        } finally {
            lock.unlock();
        }
    }

    /// Waits until `pages` more pages are in place, or there are no dirty ones: for a scan that may
    /// wait for I/O.
    public void awaitWriteback(long pages) {
        lock.lock();
        try {
            long goal = cleaned + pages;
            wanted = true;
            waits.wakeAll();
            waits.await(writeback(), () -> cleaned >= goal || cache.figures().dirtyPages() == 0
                    || error != null
                    || releasing);
        } finally {
            lock.unlock();
        }
    }

    private String writeback() {
        return "writeback of '" + name + "'";
    }

    /// No scan waits for this thread any more: the store is closing.
    public void releaseScans() {
        lock.lock();
        try {
            releasing = true;
            waits.wakeAll();
        } finally {
            lock.unlock();
        }
    }

    /// A group was committed: there may be more to write.
    public void committed() {
        if (cache.figures().dirtyPages() >= background) {
            wake();
        }
    }

    /// Ends the thread.
    public void close() {
        lock.lock();
        try {
            closing = true;
            waits.wakeAll();
        } finally {
            lock.unlock();
        }
    }

    /// Why writing does not get on; null while it does.
    public @Nullable IOException error() {
        lock.lock();
        try {
            return error;
        } finally {
            lock.unlock();
        }
    }

    /// Checkpoints made.
    public long checkpoints() {
        return checkpoints.sum();
    }

    /// Bytes written in place.
    public long bytes() {
        return queue.bytes();
    }

    /// Waits for this thread, counted.
    public WaitPoint waits() {
        return waits;
    }

    /// Tells what others wait for here.
    public void held(List<Waits.Held> list, Thread flusher) {
        list.add(new Waits.Held(flusher, writeback(), 0, "holds the write queue"));
        list.add(new Waits.Held(flusher, "checkpoint of '" + name + "'", 0, "makes it"));
    }
}
