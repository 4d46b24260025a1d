package dev.polder.store.journal;

import dev.polder.store.file.JournalFormat;
import dev.polder.store.file.JournalFormat.Stamp;
import dev.polder.store.file.StoreFile;
import dev.polder.store.pool.StorePool;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.LongAdder;

/// The thread that writes commit groups to the log. The kernel's `kjournald2`.
///
/// Asks for no memory after it began: threads in reclaim wait for it.
public final class Committer implements Runnable {
    private final Journal journal;
    private final StoreFile data;
    private final JournalLog log;
    private final long store;
    private final long epoch;
    private final long intervalNanos;
    private final LongAdder commits = new LongAdder();
    private final LongAdder transactions = new LongAdder();
    private volatile long bytes;

    /// A committer; it works when a thread runs it.
    ///
    /// @param files what to write
    /// @param staging [#stagingBytes] of memory
    public Committer(Journal journal, Files files, StorePool pool, MemorySegment staging)
            throws IOException {
        this.journal = journal;
        this.data = files.data;
        this.log = new JournalLog(files.log, pool, staging, files.head);
        this.store = files.store;
        this.epoch = files.epoch;
        this.intervalNanos = files.intervalNanos;
    }

    /// What a committer writes, and how often.
    ///
    /// @param data the data file
    /// @param log the journal file
    /// @param store the store's number
    /// @param epoch the opening's number
    /// @param head first block to write
    /// @param intervalNanos longest time that a finished transaction waits for its commit
    public record Files(StoreFile data, StoreFile log, long store, long epoch, long head,
            long intervalNanos) {}

    /// Memory that a committer needs for its whole life.
    public static long stagingBytes() {
        return (long) JournalLog.STAGED * JournalFormat.BLOCK;
    }

    @Override
    public void run() {
        try {
            CommitGroup g = journal.nextToWrite(intervalNanos);
            while (g != null) {
                write(g);
                g = journal.nextToWrite(intervalNanos);
            }
        } catch (IOException e) {
            journal.failed(e);
        } catch (RuntimeException | Error e) {
            journal.failed(new IOException("the committer ended: " + e, e));
        } finally {
            journal.stopped();
        }
    }

    private void write(CommitGroup g) throws IOException {
        if (g.wroteRuns) {
            data.force();
        }
        log.append(new Stamp(store, epoch, g.id), g.pages.values(), g.meta);
        bytes = log.bytesWritten();
        commits.increment();
        transactions.add(g.transactions);
        journal.written(g, log.head());
    }

    /// Groups written.
    public long commits() {
        return commits.sum();
    }

    /// Transactions in them.
    public long transactions() {
        return transactions.sum();
    }

    /// Bytes written to the log.
    public long bytes() {
        return bytes;
    }
}
