package dev.polder;

import dev.polder.gfp.Gfp;
import dev.polder.gfp.ScopeSnapshot;
import dev.polder.os.Clock;
import dev.polder.os.WaitQueue;
import dev.polder.task.Task;
import java.lang.foreign.MemorySegment;
import java.util.Iterator;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
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
/// was refused although it had patience left, at its deadline, or when the pool closes.
///
/// The thread runs no code of the caller's: a future is completed on a virtual thread of its own,
/// so what depends on it may block.
final class AsyncAllocator {
    /// Requests that may wait; more are refused, since each stands for a caller that waits.
    private static final int MAX_WAITING = 1 << 16;
    /// Patience of one attempt: some rounds of reclaim with their sleeps of a tick.
    private static final long SLICE_NANOS = 8 * Clock.TICK_NANOS;

    private final Polder pool;
    private final Clock clock;
    private final WaitQueue worker;
    private final Queue<Request> waiting = new ConcurrentLinkedQueue<>();
    private final AtomicInteger count = new AtomicInteger();
    /// Guards `thread` and the step from open to closed; a leaf.
    private final ReentrantLock lock = new ReentrantLock();
    private @Nullable Thread thread;
    private volatile boolean closed;

    AsyncAllocator(Polder pool) {
        this.pool = pool;
        this.clock = pool.config().clock();
        this.worker = new WaitQueue(clock);
    }

    CompletableFuture<MemorySegment> allocate(long size, int gfp) {
        MemorySegment now = pool.tryAllocate(size, gfp & ~(Gfp.DIRECT_RECLAIM | Gfp.NOFAIL));
        if (now != null) {
            return CompletableFuture.completedFuture(now);
        }
        Request request = new Request(size, gfp);
        String refusal = enter(request);
        if (refusal != null) {
            request.later.completeExceptionally(new IllegalStateException(refusal));
        }
        return request.later;
    }

    /// Fails those who wait, and waits for the attempt that is being made.
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
        if (thread == null) {
            thread = Thread.ofPlatform().daemon().name("polder-async-" + pool.config().name())
                    .inheritInheritableThreadLocals(false).start(this::serve);
        }
        count.incrementAndGet();
        waiting.add(request);
        worker.wakeAll();
        return null;
    }

    private String closedText() {
        return "pool '" + pool.config().name() + "' is closed; no memory can be had";
    }

    private void serve() {
        while (!closed) {
            long seen = worker.sequence();
            boolean served = round();
            Thread.interrupted();
            if (waiting.isEmpty()) {
                worker.await(seen, 0);
            } else if (!served) {
                worker.await(seen, Clock.TICK_NANOS);
            }
        }
        for (Request r = waiting.poll(); r != null; r = waiting.poll()) {
            count.decrementAndGet();
            r.fail(new IllegalStateException(closedText()));
        }
    }

    /// Makes an attempt for each that waits; true if one was served.
    private boolean round() {
        boolean served = false;
        Iterator<Request> all = waiting.iterator();
        while (all.hasNext() && !closed) {
            Request r = all.next();
            if (r.ended()) {
                all.remove();
                count.decrementAndGet();
                served = true;
            }
        }
        return served;
    }

    /// A request that waits.
    private final class Request {
        private final long size;
        private final int gfp;
        private final ScopeSnapshot caller = ScopeSnapshot.capture();
        private final CompletableFuture<MemorySegment> later = new CompletableFuture<>();
        /// 0 for none.
        private final long deadline;

        Request(long size, int gfp) {
            this.size = size;
            this.gfp = gfp;
            long limit = pool.config().allocationDeadline().toNanos();
            this.deadline = limit == 0 || isNofail() ? 0 : clock.nanos() + limit;
        }

        private boolean isNofail() {
            return (gfp & Gfp.NOFAIL) != 0 && Gfp.allowsBlocking(gfp);
        }

        /// Makes an attempt; true if the request waits no longer.
        boolean ended() {
            if (later.isDone()) {
                return true;
            }
            boolean[] over = new boolean[1];
            try {
                caller.wrap(() -> {
                    over[0] = attempt();
                }).run();
                return over[0];
            } catch (Throwable t) {
                fail(t);
                return true;
            }
        }

        private boolean attempt() {
            // Without NOFAIL: the patience would not count, and those behind it would wait.
            Task task = Task.current();
            long outer = task.patienceNanos(SLICE_NANOS);
            long address;
            boolean patient;
            try {
                address = pool.parts().kv().alloc(size, gfp & ~Gfp.NOFAIL);
                patient = !task.outOfPatience();
            } finally {
                task.patienceNanos(outer);
            }
            if (address != 0) {
                deliver(pool.slice(address, size));
                return true;
            }
            if (pool.parts().pages().closing()) {
                fail(new IllegalStateException(closedText()));
                return true;
            }
            boolean refused = patient && Gfp.allowsBlocking(gfp) && !isNofail();
            boolean hopeless = size > pool.config().budget() || (gfp & Gfp.NORETRY) != 0;
            boolean late = deadline != 0 && clock.nanos() - deadline >= 0;
            if (refused || hopeless || late) {
                fail(Shortage.exception(pool, size, gfp));
                return true;
            }
            return false;
        }

        private void deliver(MemorySegment s) {
            if (later.isDone()) {
                pool.free(s);
                return;
            }
            elsewhere(() -> {
                if (!later.complete(s) && !closed) {
                    pool.free(s);
                }
            });
        }

        void fail(Throwable why) {
            elsewhere(() -> later.completeExceptionally(why));
        }

        private void elsewhere(Runnable completion) {
            Thread.ofVirtual().name("polder-async-completion").start(completion);
        }
    }
}
