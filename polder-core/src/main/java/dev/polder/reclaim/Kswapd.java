package dev.polder.reclaim;

import dev.polder.gfp.FsReclaim;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.PolderEvents;
import dev.polder.os.Clock;
import dev.polder.os.WaitQueue;
import dev.polder.shrink.ShrinkerHandle;
import dev.polder.stat.VmStat;
import dev.polder.stat.VmStat.Item;
import dev.polder.task.Task;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/// The pool's background reclaimer: woken when free memory falls below low, it works until high is
/// met (row E12).
///
/// It runs with GFP_KERNEL and in no scope, whoever woke it (B10): what reclaimers under NOFS, NOIO
/// or an exclusion had to leave is done here. In exchange it never waits in a consumer
/// (`mayWait()` is false), because those it works for may hold what it would wait for.
public final class Kswapd implements AutoCloseable {

    // Notes. One worker at a time. A worker that dies, or stays inside one consumer for
    // STUCK_NANOS, is replaced by the next thread that asks for help (check); the successor passes
    // over that consumer until the callback returns. The old worker, when it comes back, sees that
    // it is no longer the worker, and ends. So there are never more workers than shrinkers plus
    // one.
    //
    // wanted is the highest order asked for, plus one; 0 when nothing is asked. A worker reads the
    // queue's sequence, takes wanted, and sleeps on the sequence only if it was 0 and neither a
    // trim nor tending is wanted: no wake is lost. It sleeps no longer than the zone said when it
    // was tended.
    //
    // A wish for an order gets one run; what is left of it falls back to order 0, as in
    // kswapd_shrink_node and kswapd_try_to_sleep, and DeferredOrders makes such wishes rarer.

    /// How long one callback may keep kswapd before a second worker goes on. kswapd's scans may not
    /// wait, and one is 128 objects by default: a second is far beyond any honest one.
    public static final long STUCK_NANOS = 1_000_000_000L;

    /// The least time between the last run and one by [#rescue] while kswapd is hopeless: rare
    /// enough to be no load, often enough for nobody to hang on it.
    static final long RESCUE_NANOS = 1_000_000_000L;

    private final String name;
    private final Vmscan vmscan;
    private final ReclaimZone zone;
    private final VmStat stat;
    private final Clock clock;
    private final PolderEvents events;
    private final String pool;
    private final WaitQueue sleepers;
    private final AtomicInteger wanted = new AtomicInteger();
    private final DeferredOrders orders = new DeferredOrders();
    private final AtomicReference<@Nullable Worker> worker = new AtomicReference<>();
    private final Queue<Worker> workers = new ConcurrentLinkedQueue<>();
    private final AtomicLong runs = new AtomicLong();
    private final AtomicLong lastRunNanos = new AtomicLong();
    private volatile boolean rescueWanted;
    private volatile boolean trimWanted;
    private volatile boolean tendWanted;
    private volatile boolean stopping;

    /// A background reclaimer for the pool that `vmscan` serves; not running yet.
    ///
    /// @param pool the pool's name, for the thread's name and events
    public Kswapd(String pool, ReclaimZone zone, Vmscan vmscan) {
        this.pool = Objects.requireNonNull(pool, "pool");
        this.name = "polder-kswapd-" + pool;
        this.zone = Objects.requireNonNull(zone, "zone");
        this.vmscan = Objects.requireNonNull(vmscan, "vmscan");
        this.stat = vmscan.registry().stat();
        this.clock = vmscan.registry().clock();
        this.events = vmscan.registry().events();
        this.sleepers = new WaitQueue(clock);
    }

    /// Starts the thread, and lets direct reclaim know of it.
    ///
    /// @throws IllegalStateException if it was started before
    public void start() {
        Worker first = new Worker(null, null);
        if (!worker.compareAndSet(null, first)) {
            throw new IllegalStateException(name + " was started before");
        }
        workers.add(first);
        first.thread.start();
        vmscan.attach(this);
    }

    /// Asks for free memory above high and a block of `order`. Returns at once; does nothing while
    /// that is so anyway, or while background reclaim is [hopeless][#hopeless()]. An order that
    /// earlier runs could not make is asked for at most times only as order 0. From any thread.
    public void wake(int order) {
        check();
        if (hopeless() || stopping) {
            return;
        }
        if (zone.balanced(order)) {
            orders.met(order);
            return;
        }
        int ask = order;
        if (order > 0 && orders.defers(order)) {
            stat.add(Item.KSWAPD_ORDER_DEFERRED);
            ask = 0;
            if (zone.balanced(ask)) {
                return;
            }
        }
        boolean first = raiseWanted(ask);
        boolean sleeps = sleepers.waiters() > 0;
        if (sleeps) {
            stat.add(Item.KSWAPD_WAKE);
        }
        if (sleeps || first) { // first: it may have looked for work and be about to sleep
            sleepers.wakeAll();
        }
    }

    /// As `wake(0)`, for a request that failed and cannot help itself: one whose own scope or mask
    /// keeps it out of the memory there is. Such a request gets a run even while kswapd is
    /// [hopeless][#hopeless()], though not within a second of the run before; it would otherwise
    /// wait for others' luck.
    public void rescue() {
        if (!hopeless()) {
            wake(0);
            return;
        }
        check();
        long last = lastRunNanos.get();
        long now = clock.nanos();
        if (now - last >= RESCUE_NANOS && lastRunNanos.compareAndSet(last, now)) {
            stat.add(Item.KSWAPD_RESCUE);
            rescueWanted = true;
            raiseWanted(0);
            sleepers.wakeAll();
        }
    }

    /// Asks for Polder's own caches to be cut to what is worth keeping, also while there is enough
    /// free memory. Returns at once. From any thread: a free may call it, so it looks after nobody
    /// and allocates nothing.
    public void trim() {
        trimWanted = true;
        sleepers.wakeAll();
    }

    /// Asks for the zone to be [tended][ReclaimZone#tend(long)]. Returns at once. From any thread.
    public void tend() {
        if (!tendWanted) {
            tendWanted = true;
            sleepers.wakeAll();
        }
    }

    /// Whether sixteen runs in a row freed nothing: then it rests until some reclaim, by anybody,
    /// frees something (E12).
    public boolean hopeless() {
        return vmscan.reserve().kswapdHopeless();
    }

    /// Balance runs so far.
    public long runs() {
        return runs.get();
    }

    /// Whether a worker sleeps because there is nothing to do.
    public boolean idle() {
        return sleepers.waiters() > 0;
    }

    /// Whether [#close] was called: nobody may count on it any longer.
    public boolean stopped() {
        return stopping;
    }

    /// Ends background reclaim and waits for its threads, also for one that is stuck in a consumer.
    /// A second close only waits.
    ///
    /// @throws IllegalStateException when called from inside a consumer's callback in background
    ///         reclaim, which the close would wait for
    @Override
    public void close() {
        if (isOwnThread()) {
            throw new IllegalStateException(name + " is closed from inside a shrinker's callback "
                    + "on its own thread, for which the close would wait; close on another thread");
        }
        stopping = true;
        sleepers.wakeAll();
        vmscan.throttle().wake(ReclaimThrottle.Reason.WRITEBACK);
        boolean interrupted = false;
        for (Worker w : workers) {
            while (w.thread.isAlive()) {
                try {
                    w.thread.join();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /// Replaces a worker that died or is stuck. Called by those who would have to rely on it.
    void check() {
        Worker now = worker.get();
        if (now == null || stopping) {
            return;
        }
        if (now.ended()) {
            if (replace(now, null)) {
                stat.add(Item.KSWAPD_RESTART);
            }
            return;
        }
        ShrinkerHandle in = now.sc.walk.stuckIn(STUCK_NANOS);
        if (in != null) {
            now.sc.walk.markStuck(in);
            if (replace(now, in)) {
                stat.add(Item.KSWAPD_STUCK);
            }
        }
    }

    /// Returns whether nothing was wanted before.
    private boolean raiseWanted(int order) {
        int ask = order + 1;
        int seen = wanted.get();
        while (seen < ask && !wanted.compareAndSet(seen, ask)) {
            seen = wanted.get();
        }
        return seen == 0;
    }

    private boolean replace(Worker old, @Nullable ShrinkerHandle stuckIn) {
        Worker next;
        try {
            next = new Worker(stuckIn == null ? null : old, stuckIn);
        } catch (OutOfMemoryError full) {
            // Not the asking thread's trouble: the next check tries again.
            return false;
        }
        if (!worker.compareAndSet(old, next)) {
            vmscan.controls().give(next.sc);
            return false;
        }
        workers.removeIf(Worker::ended);
        workers.add(next);
        raiseWanted(0);
        tendWanted = true;
        try {
            next.thread.start();
            return true;
        } catch (Throwable noThread) {
            // The system gave no thread: the next check finds the old worker and tries again.
            workers.remove(next);
            vmscan.controls().give(next.sc);
            worker.compareAndSet(next, old);
            return false;
        }
    }

    private boolean isOwnThread() {
        for (Worker w : workers) {
            if (w.thread == Thread.currentThread()) {
                return true;
            }
        }
        return false;
    }

    /// One thread and its reclaim run.
    private final class Worker implements Runnable {

        private final KernelThread thread = new KernelThread(this, name);
        private final ScanControl sc = vmscan.controls().take();
        private final BooleanSupplier stop = this::done;
        /// When the zone was tended last, and after how long it is to be again; 0: when asked.
        private long tended;
        private long tendAgainNanos;
        private @Nullable Worker stuck;
        private @Nullable ShrinkerHandle stuckIn;

        /// A worker in place of one that is stuck in a shrinker, or died, or of none.
        Worker(@Nullable Worker stuck, @Nullable ShrinkerHandle stuckIn) {
            this.stuck = stuck;
            this.stuckIn = stuckIn;
        }

        @Override
        public void run() {
            Task task = Task.current();
            int token = task.enterReclaim(zone.frames());
            try {
                while (!done()) {
                    serve();
                }
            } finally {
                task.leaveReclaim(token);
                vmscan.controls().give(sc);
                vmscan.reserve().kswapdRests();
            }
        }

        private boolean ended() {
            return thread.getState() == Thread.State.TERMINATED;
        }

        private boolean done() {
            return stopping || vmscan.isClosing() || worker.get() != this;
        }

        /// Waits for work and does it. Nothing ends this thread but the pool's end.
        private void serve() {
            try {
                reportStuck();
                int order = awaitWork();
                if (trimWanted) {
                    trimWanted = false;
                    trimOnce();
                }
                if (tendWanted || tendLeftNanos() < 0) {
                    tendOnce();
                }
                boolean rescue = rescueWanted;
                rescueWanted = false;
                while (order >= 0 && !done() && (rescue || !hopeless())
                        && !zone.balanced(order)) {
                    rescue = false;
                    runOnce(order);
                    int next = wanted.getAndSet(0) - 1;
                    order = next < 0 || orders.failed(next) ? 0 : next;
                }
                vmscan.reserve().kswapdRests();
            } catch (Throwable t) {
                survive(t);
            }
        }

        private void survive(Throwable thrown) {
            stat.add(Item.KSWAPD_THROWS);
            try {
                KswapdTrouble.threw(events, pool, thrown);
                vmscan.throttle().sleep(ReclaimThrottle.Reason.WRITEBACK, Clock.TICK_NANOS);
            } catch (Throwable again) {
                // With a full heap neither can be had. This wait needs none of it.
                clock.park(this, Clock.TICK_NANOS);
            }
        }

        /// Told by the successor, because finding out the lock's owner is slow work and the thread
        /// that found kswapd stuck is in need of memory.
        private void reportStuck() {
            Worker before = stuck;
            ShrinkerHandle in = stuckIn;
            stuck = null;
            stuckIn = null;
            if (before != null && in != null) {
                KswapdTrouble.stuck(events, pool, before.thread, in.name(),
                        STUCK_NANOS / 1_000_000);
            }
        }

        /// The order that is wanted; -1 if something else is, or the end has come.
        private int awaitWork() {
            while (true) {
                long seen = sleepers.sequence();
                int ask = wanted.getAndSet(0);
                if (ask != 0 || trimWanted || tendWanted || done()) {
                    return ask - 1;
                }
                // Nobody has a reason to interrupt this thread; a flag set all the same would turn
                // the wait into a spin.
                Thread.interrupted();
                long left = tendLeftNanos();
                if (left < 0) {
                    return -1;
                }
                sleepers.await(seen, left);
            }
        }

        /// Nanoseconds for which this thread may sleep; 0: without limit; negative: none at all.
        private long tendLeftNanos() {
            if (tendAgainNanos == 0) {
                return 0;
            }
            long left = tendAgainNanos - (clock.nanos() - tended);
            return left > 0 ? left : -1;
        }

        private void tendOnce() {
            tendWanted = false;
            tended = clock.nanos();
            tendAgainNanos = zone.tend(tended);
        }

        private void trimOnce() {
            FsReclaim.acquireBackground(vmscan);
            try {
                sc.begin(Task.current(), Gfp.KERNEL, StallKind.NORMAL, true, null);
                sc.walk.shrinkExcess();
            } finally {
                sc.end();
                FsReclaim.releaseBackground(vmscan);
            }
        }

        private void runOnce(int order) {
            runs.incrementAndGet();
            stat.add(Item.KSWAPD_RUNS);
            boolean hadHope = !hopeless();
            FsReclaim.acquireBackground(vmscan);
            try {
                sc.begin(Task.current(), Gfp.KERNEL, StallKind.NORMAL, true, null);
                vmscan.balance(sc, order, stop);
            } finally {
                sc.end();
                FsReclaim.releaseBackground(vmscan);
                lastRunNanos.set(clock.nanos());
            }
            if (order > 0 && !done() && !zone.balanced(order)) {
                orders.gaveUp(order);
            }
            if (sc.nrReclaimed == 0 && !done() && !zone.balanced(0)) {
                stat.add(Item.KSWAPD_FRUITLESS);
                if (!hopeless()) {
                    rest();
                } else if (hadHope) {
                    stat.add(Item.KSWAPD_HOPELESS);
                }
            }
        }

        /// Sixteen runs back to back take less time than one lock is held for: after the n-th
        /// fruitless one, wait n ticks, or until somebody frees something.
        private void rest() {
            Thread.interrupted();
            int ticks = Math.max(1, vmscan.reserve().kswapdFailures());
            vmscan.throttle().sleep(ReclaimThrottle.Reason.WRITEBACK, ticks * Clock.TICK_NANOS);
        }
    }
}
