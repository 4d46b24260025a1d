package dev.polder;

import dev.polder.gfp.Gfp;
import dev.polder.gfp.ScopeSnapshot;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// Allocation for threads that must not block: one attempt without reclaim at once, then the
/// request as it was meant on a thread of the pool's own, in the order of arrival and under the
/// caller's scopes.
final class AsyncAllocator {
    /// Requests that may wait; more are refused, since each stands for a caller that waits.
    private static final int MAX_WAITING = 1 << 16;
    private static final long IDLE_SECONDS = 10;

    private final Polder pool;
    private @Nullable ExecutorService worker;
    private boolean closed;

    AsyncAllocator(Polder pool) {
        this.pool = pool;
    }

    CompletableFuture<MemorySegment> allocate(long size, int gfp) {
        MemorySegment now = pool.tryAllocate(size, gfp & ~(Gfp.DIRECT_RECLAIM | Gfp.NOFAIL));
        if (now != null) {
            return CompletableFuture.completedFuture(now);
        }
        CompletableFuture<MemorySegment> later = new CompletableFuture<>();
        Runnable request = ScopeSnapshot.capture().wrap(() -> complete(later, size, gfp));
        try {
            worker().execute(request);
        } catch (RejectedExecutionException e) {
            later.completeExceptionally(new IllegalStateException("pool '" + pool.config().name()
                    + "' is closed, or " + MAX_WAITING + " requests wait already", e));
        }
        return later;
    }

    synchronized void close() {
        closed = true;
        if (worker != null) {
            worker.shutdown();
        }
    }

    private void complete(CompletableFuture<MemorySegment> later, long size, int gfp) {
        if (later.isCancelled()) {
            return;
        }
        try {
            MemorySegment s = pool.allocate(size, gfp);
            if (!later.complete(s)) {
                pool.free(s);
            }
        } catch (AllocationFailedException | IllegalStateException e) {
            later.completeExceptionally(e);
        }
    }

    private synchronized ExecutorService worker() {
        if (closed) {
            throw new RejectedExecutionException("closed");
        }
        if (worker == null) {
            ThreadPoolExecutor w = new ThreadPoolExecutor(1, 1, IDLE_SECONDS, TimeUnit.SECONDS,
                    new LinkedBlockingQueue<>(MAX_WAITING),
                    Thread.ofPlatform().daemon().name("polder-async-" + pool.config().name())
                            .factory());
            w.allowCoreThreadTimeOut(true);
            worker = w;
        }
        return worker;
    }
}
