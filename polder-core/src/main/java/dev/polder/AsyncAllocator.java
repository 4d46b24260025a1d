package dev.polder;

import dev.polder.gfp.Gfp;
import dev.polder.gfp.PolderEvents;
import dev.polder.gfp.ScopeSnapshot;
import dev.polder.os.Clock;
import dev.polder.os.WaitQueue;
import dev.polder.task.Task;
import java.lang.foreign.MemorySegment;
import java.util.Iterator;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// Allocation for threads that must not block: one attempt without reclaim at once, then attempts
/// on a thread of the pool's own, under the caller's scopes and in its group.
///
/// Notes
///
/// One thread serves all who wait, in the order of arrival. An attempt has the patience of a slice
/// only, so that a request that cannot be served now does not keep those behind it waiting; what
/// it reclaimed meanwhile is there for the next. A request ends when an attempt serves it, when one
/// was refused although it had patience left, at its deadline, or when the pool closes. Before each
/// attempt, those whose deadline has passed get a last one that does not reclaim: however many
/// wait, a deadline is kept to within a slice.
///
/// The thread runs no code of the caller's: a future is completed on a virtual thread of its own,
/// so what depends on it may block.
///
/// What is thrown during an attempt ends that request and no other. A heap that is full for a while
/// ends nobody: what came of a request is kept with it until it can be handed over.
final class AsyncAllocator {
    /// Requests that may wait; more are refused, since each stands for a caller that waits.
    private static final int MAX_WAITING = 1 << 16;
    /// Patience of one attempt: some rounds of reclaim with their sleeps of a tick.
    private static final long SLICE_NANOS = 8 * Clock.TICK_NANOS;

    private final Polder pool;
    private final Clock clock;
    /// Runs what completes a future.
    private final Executor completions;
    private final WaitQueue worker;
    private final Queue<Request> waiting = new ConcurrentLinkedQueue<>();
    private final AtomicInteger count = new AtomicInteger();
    /// Guards `thread`, the step from open to closed, and the entry of requests in the order of
    /// their deadlines; a leaf.
    private final ReentrantLock lock = new ReentrantLock();
    private @Nullable Thread thread;
    private volatile boolean closed;
    /// What the thread survived and has not told yet; its own.
    private @Nullable Throwable survived;

    AsyncAllocator(Polder pool) {
        this(pool, c -> Thread.ofVirtual().name("polder-async-completion").start(c));
    }

    /// Completes on threads of `completions`, for tests.
    AsyncAllocator(Polder pool, Executor completions) {
        this.pool = pool;
        this.clock = pool.config().clock();
        this.completions = completions;
        this.worker = new WaitQueue(clock);
    }

    CompletableFuture<MemorySegment> allocate(long size, int gfp) {
        MemorySegment now;
        try {
            now = pool.tryAllocate(size, gfp & ~(Gfp.DIRECT_RECLAIM | Gfp.NOFAIL));
        } catch (IllegalStateException e) {
            if (!pool.parts().pages().closing()) {
                throw e;
            }
            return CompletableFuture.failedFuture(e);
        }
        if (now != null) {
            return CompletableFuture.completedFuture(now);
        }
        Request request = new Request(size, gfp);
        String refusal = enter(request);
        return refusal == null ? request.later
                : CompletableFuture.failedFuture(new IllegalStateException(refusal));
    }

    /// Waits for the attempt that is being made, and fails those who wait.
    void close() {
        Thread t;
        lock.lock();
        try {
            closed = true;
            t = thread;
        } finally {
            lock.unlock();
        }
        worker.wakeAll();
        boolean interrupted = false;
        while (t != null && t.isAlive()) {
            try {
                t.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        for (Request r = waiting.poll(); r != null; r = waiting.poll()) {
            count.decrementAndGet();
            r.refuse();
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /// Requests that wait now.
    int waiting() {
        return count.get();
    }

    /// Null if the request waits now, else why it cannot.
    private @Nullable String enter(Request request) {
        lock.lock();
        try {
            return enterLocked(request);
        } finally {
            lock.unlock();
        }
    }

    private @Nullable String enterLocked(Request request) {
        if (closed) {
            return closedText();
        }
        if (count.get() >= MAX_WAITING) {
            return "pool '" + pool.config().name() + "' has " + MAX_WAITING
                    + " asynchronous requests waiting already; wait for some of them first";
        }
        if (thread == null || !thread.isAlive()) {
            thread = Thread.ofPlatform().daemon().name("polder-async-" + pool.config().name())
                    .inheritInheritableThreadLocals(false).start(this::serve);
        }
        request.setDeadline();
        waiting.add(request);
        count.incrementAndGet();
        worker.wakeAll();
        return null;
    }

    private String closedText() {
        return "pool '" + pool.config().name() + "' is closed; no memory can be had";
    }

    private void serve() {
        while (!closed) {
            try {
                serveOnce();
            } catch (Throwable t) {
                // Told when there is heap for that again. The wait here needs none.
                survived = t;
                clock.park(this, Clock.TICK_NANOS);
            }
        }
    }

    private void serveOnce() {
        tellOfSurvived();
        long seen = worker.sequence();
        boolean served = round();
        Thread.interrupted();
        if (waiting.isEmpty()) {
            worker.await(seen, 0);
        } else if (!served) {
            worker.await(seen, Clock.TICK_NANOS);
        }
    }

    private void tellOfSurvived() {
        Throwable t = survived;
        if (t != null) {
            survived = null;
            PolderEvents.reporter().trouble(pool.config().name(),
                    "the thread for asynchronous requests survived a throw and goes on", t);
        }
    }

    /// Makes an attempt for each that waits; true if one was served.
    private boolean round() {
        boolean served = false;
        Iterator<Request> all = waiting.iterator();
        while (all.hasNext() && !closed) {
            served |= endLate();
            Request r = all.next();
            served |= r.ended(false) && leave(all, r);
        }
        return served;
    }

    /// Ends those whose deadline has passed. They stand in its order, but for those without.
    private boolean endLate() {
        boolean served = false;
        Iterator<Request> all = waiting.iterator();
        while (all.hasNext() && !closed) {
            Request r = all.next();
            if (r.deadline == 0) {
                continue;
            }
            if (!r.late()) {
                break;
            }
            served |= r.ended(true) && leave(all, r);
        }
        return served;
    }

    /// Takes a request out; false if it was out already, as one that was late may be.
    private boolean leave(Iterator<Request> at, Request r) {
        boolean waited = r.waits;
        if (waited) {
            r.waits = false;
            at.remove();
            count.decrementAndGet();
        }
        return waited;
    }

    /// A request that waits.
    private final class Request {
        private final long size;
        private final int gfp;
        private final ScopeSnapshot caller = ScopeSnapshot.capture();
        private final CompletableFuture<MemorySegment> later = new CompletableFuture<>();
        /// 0 for none.
        private long deadline;

        // These are the serving thread's, and afterwards those of whoever waited for its end.
        /// Whether it stands in the queue.
        private boolean waits = true;
        /// What was taken for it, or 0.
        private long address;
        private @Nullable MemorySegment segment;
        /// Why there is nothing, once that is known.
        private @Nullable Throwable failure;

        Request(long size, int gfp) {
            this.size = size;
            this.gfp = gfp;
        }

        private void setDeadline() {
            long limit = pool.config().allocationDeadline().toNanos();
            deadline = limit == 0 || isNofail() ? 0 : clock.nanos() + limit;
        }

        private boolean isNofail() {
            return (gfp & Gfp.NOFAIL) != 0 && Gfp.allowsBlocking(gfp);
        }

        private boolean late() {
            return deadline != 0 && clock.nanos() - deadline >= 0;
        }

        /// Makes an attempt if nothing came of it yet, the last one without reclaim; true if the
        /// request waits no longer.
        private boolean ended(boolean last) {
            if (!waits || (later.isDone() && address == 0)) {
                return true;
            }
            if (address == 0 && failure == null) {
                try {
                    caller.wrap(() -> attempt(last)).run();
                } catch (Throwable t) {
                    failure = address == 0 ? t : null;
                }
            }
            if (address != 0 && segment == null) {
                segment = pool.slice(address, size);
            }
            return (segment != null || failure != null) && handedOver();
        }

        private void attempt(boolean last) {
            // Without NOFAIL: the patience would not count, and those behind it would wait.
            int mask = gfp & ~(last ? Gfp.NOFAIL | Gfp.DIRECT_RECLAIM : Gfp.NOFAIL);
            Task task = Task.current();
            long outer = task.patienceNanos(SLICE_NANOS);
            boolean patient;
            try {
                address = pool.parts().kv().alloc(size, mask);
                patient = !task.outOfPatience();
            } finally {
                task.patienceNanos(outer);
            }
            if (address != 0) {
                return;
            }
            boolean refused = patient && Gfp.allowsBlocking(mask) && !isNofail();
            boolean hopeless = size > pool.config().budget() || (gfp & Gfp.NORETRY) != 0;
            if (pool.parts().pages().closing()) {
                failure = new IllegalStateException(closedText());
            } else if (refused || hopeless || late()) {
                failure = Shortage.exception(pool, size, gfp);
            }
        }

        /// Ends it because the pool closes.
        private void refuse() {
            if (segment == null && failure == null) {
                failure = new IllegalStateException(closedText());
            }
            if (!handedOver()) {
                // Later there is nobody to try again: here, then.
                complete();
            }
        }

        /// Has the future completed elsewhere; false if no thread can be had for that now.
        private boolean handedOver() {
            try {
                completions.execute(this::complete);
                return true;
            } catch (Throwable t) {
                survived = t;
                return false;
            }
        }

        private void complete() {
            MemorySegment s = segment;
            if (s == null) {
                fail(Objects.requireNonNull(failure));
            } else if (!later.complete(s)) {
                giveUp();
            }
        }

        /// Unlike success, failure takes some heap: waits until there is.
        private void fail(Throwable why) {
            while (!later.isDone()) {
                try {
                    later.completeExceptionally(why);
                } catch (OutOfMemoryError full) {
                    clock.park(this, Clock.TICK_NANOS);
                }
            }
        }

        private void giveUp() {
            try {
                pool.parts().kv().free(address);
            } catch (IllegalStateException e) {
                if (!pool.parts().pages().ended()) {
                    throw e;
                }
                // Its memory went with the pool.
            }
        }
    }
}
