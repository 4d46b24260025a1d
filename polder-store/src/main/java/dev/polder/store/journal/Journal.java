package dev.polder.store.journal;

import dev.polder.gfp.ReclaimDomain;
import dev.polder.store.btree.TreeView;
import dev.polder.store.btree.WriteSet;
import dev.polder.store.cache.PageCache;
import dev.polder.store.file.JournalFormat;
import dev.polder.store.file.StoreMeta;
import dev.polder.store.journal.CommitGroup.State;
import dev.polder.store.pool.StorePool;
import dev.polder.store.watch.WaitPoint;
import dev.polder.store.watch.Waits;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// Commit groups and those who take part in them. In the manner of jbd2.
///
/// ```
///            asked for, or its time is up      no handle is open       log and sync
///  RUNNING ────────────────────────▶ LOCKED ────────────────▶ WRITING ───────────▶ durable
///  takes handles                     takes none, waits         the next group runs   │ failed
///                                    for the open ones                               ▼
///                                                              the journal refuses everything
/// ```
/// Invariants:
///
/// 1. There is one running (or locked) group, and at most one that is being written, the one
/// before.
/// 2. A group's pages change only under an open handle of that group, and only while it is RUNNING
///    or LOCKED.
/// 3. `durable` is the newest group that recovery would bring back, after any crash. Nothing of a
///    younger group is in place in the data file, except value runs in pages that were free.
/// 4. A page of a group that is not durable stays in the cache. To evict one is to join its group
/// and
///    have it committed; so an eviction that may wait takes a handle before it looks at the oldest
///    pages, as ext4's inode eviction does. One that may not wait takes clean pages only, and no
///    handle: it must get on while a group is LOCKED, for the group may wait for what it frees.
/// 5. The lock is not held while memory is asked for, a file is read or written, or a thread waits.
///
/// What waits for what: a new handle for journal space, which the flusher makes, and for the commit
/// of a LOCKED group; eviction of a page of a group for that group's commit, where it may wait; the
/// commit for the open handles. The flusher waits for nobody. So a thread that holds a
/// handle and is sent into an eviction that may wait waits for itself: see [JournalHandle].
public final class Journal {
    private final String name;
    private final ReclaimDomain domain;
    private final StorePool pool;
    private final PageCache cache;
    private final Downstream downstream;
    private final int groupPages;
    private final long blocks;
    private final ReentrantLock lock = new ReentrantLock();
    private final WaitPoint waits = new WaitPoint(lock);
    private final LongAdder reentries = new LongAdder();

    private CommitGroup running;
    private @Nullable CommitGroup writing;
    private long durable;
    private long requested;
    private long durableHead;
    private StoreMeta durableMeta;
    private long tail;
    private boolean closing;
    private boolean stopped;
    private @Nullable IOException spaceTrouble;
    private volatile @Nullable IOException failure;

    /// A journal that goes on where recovery ended.
    ///
    /// @param from what names the store, and where its log stands
    /// @param groupPages pages that a group may have when a handle joins
    /// @param downstream who writes in place what is committed
    public Journal(Start from, StorePool pool, PageCache cache, int groupPages,
            Downstream downstream) {
        this.name = from.name;
        this.domain = from.domain;
        this.pool = pool;
        this.cache = cache;
        this.groupPages = groupPages;
        this.downstream = downstream;
        this.running = new CommitGroup(from.nextGroup, from.meta);
        this.durable = from.nextGroup - 1;
        this.durableHead = from.head;
        this.durableMeta = from.meta;
        this.tail = from.head;
        this.blocks = from.blocks;
    }

    /// The flusher, as the journal sees it. Neither method waits.
    public interface Downstream {
        /// The log is filling: a checkpoint is wanted.
        void spaceWanted();

        /// There are more dirty pages.
        void committed();
    }

    /// Where a journal begins.
    ///
    /// @param name the store's name
    /// @param domain the store's domain
    /// @param nextGroup first group to write
    /// @param head block at which it goes
    /// @param meta the state before it
    /// @param blocks blocks of the log
    public record Start(String name, ReclaimDomain domain, long nextGroup, long head,
            StoreMeta meta, long blocks) {}

    /// What is durable: the state to which the flusher may move the superblock.
    ///
    /// @param group newest durable group
    /// @param head block behind it
    /// @param meta state after it
    public record Durable(long group, long head, StoreMeta meta) {}

    ReclaimDomain domain() {
        return domain;
    }

    /// Opens a handle for a transaction: joins the running group, and opens the scope.
    public JournalHandle open() throws IOException {
        makeRoom();
        return new JournalHandle(this, pool);
    }

    CommitGroup join(JournalHandle handle) throws IOException {
        lock.lock();
        try {
            while (true) {
                requireWorking();
                CommitGroup g = running;
                if (g.state == State.RUNNING && g.pages.size() < groupPages) {
                    g.handles.add(handle);
                    return g;
                }
                request(g.id);
                waits.await(commitOf(g.id), () -> running != g || closing || failure != null);
            }
        } finally {
            lock.unlock();
        }
    }

    /// Waits until the log has room for the running group with one more transaction in it: what
    /// takes a handle can be written, so that no commit waits for space, or fails for want of it.
    private void makeRoom() throws IOException {
        if (hasRoom()) {
            return;
        }
        downstream.spaceWanted();
        lock.lock();
        try {
            waits.await(space(),
                    () -> room() || spaceTrouble != null || closing || failure != null);
            IOException trouble = spaceTrouble;
            if (!room() && trouble != null) {
                throw new IOException("the journal is full and cannot be emptied: "
                        + trouble.getMessage(), trouble);
            }
        } finally {
            lock.unlock();
        }
    }

    private boolean hasRoom() {
        lock.lock();
        try {
            return room();
        } finally {
            lock.unlock();
        }
    }

    private boolean room() {
        CommitGroup w = writing;
        long need = JournalFormat.blocks(running.pages.size() + (long) groupPages)
                + (w == null ? 0 : JournalFormat.blocks(w.pages.size()));
        return durableHead - tail + need <= blocks;
    }

    /// The flusher cannot put pages in place, or can again.
    public void spaceTrouble(@Nullable IOException trouble) {
        lock.lock();
        try {
            spaceTrouble = trouble;
            waits.wakeAll();
        } finally {
            lock.unlock();
        }
    }

    void leave(JournalHandle handle) {
        lock.lock();
        try {
            boolean was = handle.group().handles.remove(handle);
            assert was : "handle of no group";
            waits.wakeAll();
        } finally {
            lock.unlock();
        }
    }

    /// Makes a transaction's pages part of the handle's group and shows them to readers.
    public void attach(JournalHandle handle, WriteSet set, TreeView view, StoreMeta meta,
            boolean wroteRuns) {
        CommitGroup g = handle.group();
        assert g.state != State.WRITING : "group " + g.id + " is being written";
        view.publish(meta, () -> cache.install(set.pages(), set.released(), g.id, g.pages));
        handle.changed(set.pages().size());
        lock.lock();
        try {
            g.meta = meta;
            g.wroteRuns |= wroteRuns;
            if (g.transactions++ == 0) {
                g.changedNanos = System.nanoTime();
                waits.wakeAll();
            }
        } finally {
            lock.unlock();
        }
    }

    /// Joins the running group to evict pages of it, until [#leaveEviction]; waits for the commit
    /// of a LOCKED one first. For a scan that may wait.
    ///
    /// @return false: not any more, the store is closing or has failed
    public boolean enterEviction() {
        lock.lock();
        try {
            noteReentry();
            while (running.state == State.LOCKED && !closing && failure == null) {
                CommitGroup g = running;
                waits.await(commitOf(g.id), () -> running != g || closing || failure != null);
            }
            if (closing || failure != null) {
                return false;
            }
            running.evictions++;
            return true;
        } finally {
            lock.unlock();
        }
    }

    private void noteReentry() {
        for (JournalHandle h : running.handles) {
            if (h.owner() == Thread.currentThread()) {
                reentries.increment();
                Waits.reentered(h.owner().getName() + ", which holds the handle of transaction "
                        + running.id + " of '" + name + "', was sent by reclaim into the journal of"
                        + " '" + name + "' again");
            }
        }
    }

    /// Leaves the running group again.
    public void leaveEviction() {
        lock.lock();
        try {
            assert running.evictions > 0 : "no eviction in group " + running.id;
            running.evictions--;
            waits.wakeAll();
        } finally {
            lock.unlock();
        }
    }

    /// Asks the committer to commit `group`, and waits until it is durable or never will be.
    ///
    /// @return true if it is durable
    public boolean awaitCommit(long group) {
        lock.lock();
        try {
            request(group);
            waits.await(commitOf(group), () -> durable >= group || stopped || failure != null);
            return durable >= group;
        } finally {
            lock.unlock();
        }
    }

    /// The same inside a scan: ends, besides, when the store closes.
    public boolean awaitCommitInScan(long group) {
        lock.lock();
        try {
            request(group);
            waits.await(commitOf(group), () -> durable >= group || closing || failure != null);
            return durable >= group;
        } finally {
            lock.unlock();
        }
    }

    private void request(long group) {
        if (group > requested) {
            requested = group;
            waits.wakeAll();
        }
    }

    /// Newest group with a finished transaction: what a flush waits for.
    public long newest() {
        lock.lock();
        try {
            return running.changed() ? running.id : running.id - 1;
        } finally {
            lock.unlock();
        }
    }

    /// Newest durable group.
    public long durable() {
        lock.lock();
        try {
            return durable;
        } finally {
            lock.unlock();
        }
    }

    /// What a checkpoint can reach now.
    public Durable durableState() {
        lock.lock();
        try {
            return new Durable(durable, durableHead, durableMeta);
        } finally {
            lock.unlock();
        }
    }

    /// A checkpoint put everything before block `head` in place.
    public void passed(long head) {
        lock.lock();
        try {
            assert head >= tail && head <= durableHead : head;
            tail = head;
            waits.wakeAll();
        } finally {
            lock.unlock();
        }
    }

    /// Blocks that recovery would have to read.
    private long usedBlocks() {
        lock.lock();
        try {
            return durableHead - tail;
        } finally {
            lock.unlock();
        }
    }

    private String commitOf(long group) {
        return "commit of transaction " + group + " of '" + name + "'";
    }

    private String handlesOf(long group) {
        return "open handles of transaction " + group + " of '" + name + "'";
    }

    private String space() {
        return "journal space of '" + name + "'";
    }

    /// Waits for the next group to commit and takes it out of the running: for the committer.
    ///
    /// @param intervalNanos a group is committed so long after its first transaction, asked or not
    /// @return null: the journal is closing and everything is written
    @Nullable CommitGroup nextToWrite(long intervalNanos) {
        lock.lock();
        try {
            CommitGroup g = running;
            while (!due(g, intervalNanos)) {
                if (closing && !g.inUse()) {
                    return null;
                }
                long nanos = g.changed()
                        ? intervalNanos - (System.nanoTime() - g.changedNanos) : Long.MAX_VALUE;
                try {
                    long left = waits.condition().awaitNanos(nanos);
                    assert left <= nanos;
                } catch (InterruptedException e) {
                    // Only the committer comes here, and nobody has its thread to interrupt it.
                    assert closing : "the committer was interrupted";
                }
            }
            g.state = State.LOCKED;
            waits.await(handlesOf(g.id), () -> !g.inUse());
            g.state = State.WRITING;
            writing = g;
            running = new CommitGroup(g.id + 1, g.meta);
            waits.wakeAll();
            return g;
        } finally {
            lock.unlock();
        }
    }

    private boolean due(CommitGroup g, long intervalNanos) {
        return g.changed() && (closing || requested >= g.id
                || System.nanoTime() - g.changedNanos >= intervalNanos);
    }

    /// A group is durable: for the committer.
    void written(CommitGroup g, long head) {
        cache.committed(g.pages.values());
        lock.lock();
        try {
            assert head - tail <= blocks : "the log ran over its tail";
            assert durable == g.id - 1 : durable;
            durable = g.id;
            durableHead = head;
            durableMeta = g.meta;
            writing = null;
            waits.wakeAll();
        } finally {
            lock.unlock();
        }
        // Half full: a checkpoint now costs less than a transaction that has to wait for one.
        if (usedBlocks() > blocks / 2) {
            downstream.spaceWanted();
        }
        downstream.committed();
    }

    /// A group cannot be written: nothing works any more.
    void failed(IOException why) {
        lock.lock();
        try {
            if (failure == null) {
                failure = why;
            }
            waits.wakeAll();
        } finally {
            lock.unlock();
        }
    }

    /// Why nothing works any more; null while all is well.
    public @Nullable IOException failure() {
        return failure;
    }

    private void requireWorking() throws IOException {
        if (closing) {
            throw new IllegalStateException("store '" + name + "' is closed");
        }
        requireSound();
    }

    /// Throws if a commit could not be written: what readers would see may not be there later.
    ///
    /// @throws JournalFailedException with the first failure
    public void requireSound() throws IOException {
        IOException why = failure;
        if (why != null) {
            throw new JournalFailedException(name, why);
        }
    }

    /// No more handles; those who wait in a scan go on. The committer writes what there is and
    /// ends.
    public void close() {
        lock.lock();
        try {
            closing = true;
            waits.wakeAll();
        } finally {
            lock.unlock();
        }
    }

    /// The committer has ended: nobody waits for a commit any more.
    void stopped() {
        lock.lock();
        try {
            stopped = true;
            waits.wakeAll();
        } finally {
            lock.unlock();
        }
    }

    /// Lets go of the pages of groups that were not written, after a failure.
    public void abandon() {
        CommitGroup w;
        CommitGroup r;
        lock.lock();
        try {
            w = writing;
            r = running;
        } finally {
            lock.unlock();
        }
        cache.abandon(r.pages.values());
        if (w != null) {
            cache.abandon(w.pages.values());
        }
    }

    /// Waits of all kinds here, counted.
    public WaitPoint waits() {
        return waits;
    }

    /// Times that a handle's holder came back here through reclaim.
    public long reentries() {
        return reentries.sum();
    }

    /// Tells who holds what others may wait for here.
    public void held(List<Waits.Held> list, Thread committer, Thread flusher) {
        lock.lock();
        try {
            CommitGroup w = writing;
            if (w != null) {
                list.add(new Waits.Held(committer, commitOf(w.id), w.changedNanos,
                        "writes the group"));
            }
            list.add(new Waits.Held(committer, commitOf(running.id), running.changedNanos,
                    running.state == State.LOCKED ? "has locked the group" : "is to commit it"));
            for (JournalHandle h : running.handles) {
                list.add(new Waits.Held(h.owner(), handlesOf(running.id), h.openedNanos(),
                        "holds a journal handle"));
            }
            list.add(new Waits.Held(flusher, space(), 0, "makes space by checkpoints"));
        } finally {
            lock.unlock();
        }
    }
}
