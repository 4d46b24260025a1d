package dev.polder.zone;

import dev.polder.stat.VmStat;
import dev.polder.stat.VmStat.Item;
import dev.polder.zone.CommitBlocks.Outcome;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// When a pool asks the system for memory ahead of need, and when it gives some back. The giving is
/// the kernel's free page reporting (`mm/page_reporting.c`), with the system as the host.
///
/// Notes
///
/// A block goes back if it was idle: the *fewest* free blocks of the largest order that there were
/// at any moment of the last one to two windows are those that no load needed. A load that goes up
/// and down faster than that never pays for memory twice. The rate is bounded, so that what
/// background reclaim is there for does not wait for this. Where the system refuses, the next
/// attempt is after the next window.
///
/// The time of the next look is known only while there is more than `keep` behind the pool at all;
/// else nothing can come of looking, and the tender sleeps until a request commits a block itself
/// or takes the ready stock below its mark ([#taken]). That last is told once, and again only after
/// the stock was seen above the mark.
final class CommitBalance {
    /// A second between two looks, and blocks given back in it: 64 MiB, for which the system needs
    /// some hundredths of a second of one processor.
    static final long PERIOD_NANOS = 1_000_000_000L;
    static final int BLOCKS_A_PERIOD = 16;
    /// Over which the fewest free blocks are watched, twice: longer than a collector's cycle or a
    /// batch's, shorter than the pause between two queries of a person.
    static final long WINDOW_NANOS = 5 * PERIOD_NANOS;

    private final CommitBlocks blocks;
    private final Buddy buddy;
    private final ReentrantLock lock;
    private final CommitMarks marks;
    private final long managed;
    private final VmStat stat;
    private final AtomicBoolean tending = new AtomicBoolean();
    private volatile @Nullable Runnable tender;
    /// Whether a stock below its mark is still to be told of.
    private volatile boolean watching;

    // Whoever tends owns these.
    private boolean began;
    private long windowStart;
    private long lastGiven;
    private int idleBefore;

    /// @param lock the zone's
    CommitBalance(CommitBlocks blocks, Buddy buddy, ReentrantLock lock, CommitMarks marks,
            long managed, VmStat stat) {
        this.blocks = blocks;
        this.buddy = buddy;
        this.lock = lock;
        this.marks = marks;
        this.managed = managed;
        this.stat = stat;
        this.watching = marks.ahead() > 0;
    }

    void tender(Runnable wake) {
        tender = wake;
    }

    /// A request needs a block of `order`; false if the system has none for the pool.
    boolean commitNow(int order) {
        Outcome outcome = blocks.commit(order, 0);
        if (outcome == Outcome.REFUSED) {
            stat.add(Item.COMMIT_REFUSED);
        } else if (outcome == Outcome.COMMITTED) {
            stat.add(Item.COMMIT_DIRECT);
            if (marks.keep() < managed) {
                tell();
            }
        }
        return outcome == Outcome.ENOUGH || outcome == Outcome.COMMITTED;
    }

    /// Something was taken from the buddy. Reads its figure without the lock: a hint.
    void taken() {
        if (watching && buddy.free() < marks.ahead()) {
            watching = false;
            tell();
        }
    }

    private void tell() {
        Runnable wake = tender;
        if (wake != null) {
            wake.run();
        }
    }

    /// Does what is due; nanoseconds until there may be more, 0 if that will be told.
    long tend(long now) {
        if (marks.keep() >= managed && marks.ahead() == 0) {
            return 0;
        }
        if (!tending.compareAndSet(false, true)) {
            return PERIOD_NANOS;
        }
        try {
            boolean refused = commitAhead() == Outcome.REFUSED;
            watch(now);
            giveBack(now);
            return refused || rearm() > marks.keep() ? PERIOD_NANOS : 0;
        } finally {
            tending.set(false);
        }
    }

    private Outcome commitAhead() {
        Outcome outcome = blocks.commit(0, marks.ahead());
        while (outcome == Outcome.COMMITTED) {
            stat.add(Item.COMMIT_AHEAD);
            outcome = blocks.commit(0, marks.ahead());
        }
        if (outcome == Outcome.REFUSED) {
            stat.add(Item.COMMIT_REFUSED);
        }
        return outcome;
    }

    private void watch(long now) {
        lock.lock();
        try {
            if (!began) {
                began = true;
                windowStart = now;
                lastGiven = now;
                buddy.watchIdle();
            } else if (now - windowStart >= WINDOW_NANOS) {
                windowStart = now;
                idleBefore = buddy.idle();
                buddy.watchIdle();
            }
        } finally {
            lock.unlock();
        }
    }

    private void giveBack(long now) {
        int wanted = Math.min(Math.min(idleBefore, spare()), BLOCKS_A_PERIOD);
        if (wanted <= 0 || now - lastGiven < PERIOD_NANOS) {
            return;
        }
        lastGiven = now;
        int result = blocks.giveBack(wanted, marks.keep());
        boolean refused = result < 0;
        int given = refused ? ~result : result;
        stat.add(Item.GIVE_BACK, given);
        if (refused) {
            stat.add(Item.GIVE_BACK_REFUSED);
        }
        idleBefore = given < wanted ? 0 : idleBefore - given;
    }

    /// Blocks that were idle since the window began and are more than is kept.
    private int spare() {
        lock.lock();
        try {
            long beyond = (buddy.free() - marks.keep()) / CommitBlocks.FRAMES;
            return (int) Math.min(buddy.idle(), beyond);
        } finally {
            lock.unlock();
        }
    }

    /// Watches for a low stock again, if it could be helped; frames with memory behind them.
    private long rearm() {
        lock.lock();
        try {
            watching = marks.ahead() > 0 && blocks.left() > 0;
            return managed - blocks.uncommitted();
        } finally {
            lock.unlock();
        }
    }
}
