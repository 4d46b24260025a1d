package dev.polder.gfp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.task.Task;
import dev.polder.testkit.Row;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;

@SuppressWarnings("LockNotBeforeTry") // locks are the subject here
@ExtendWith(CleanScopes.class)
class ScopeSnapshotTest {
    private static final ScopeSite JOURNAL = ScopeSite.of("journal handle");
    private static final ScopeSite LATCH = ScopeSite.of("latch");

    private final ReclaimDomain domain = ReclaimDomain.of("index");
    private final ExecutorService worker = Executors.newSingleThreadExecutor();
    private final Executor propagating = ScopeSnapshot.propagating(worker);

    @RegisterExtension
    private final HeardEvents events = new HeardEvents();

    @AfterEach
    void workerIsCleanAndEnds() throws Exception {
        onWorker(() -> {
            Task.current().verify();
            MemallocScope.requireNone();
            return true;
        });
        worker.shutdown();
        assertThat(worker.awaitTermination(Threads.PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
    }

    private <T> T onWorker(Callable<T> body) throws Exception {
        return worker.submit(body).get(Threads.PATIENCE_SECONDS, TimeUnit.SECONDS);
    }

    /// What a thread is inside of, as far as reclaim sees it.
    private String state() {
        Task task = Task.current();
        return Gfp.toString(Memalloc.effective(Gfp.KERNEL)) + " " + task.flags()
                + (task.excludes(domain) ? " excludes" : "") + " group " + task.group();
    }

    @Test
    @Row("B13")
    void plainExecutorsCarryNothing() throws Exception {
        try (MemallocScope scope = MemallocScope.noIo(JOURNAL)) {
            assertThat(onWorker(this::state)).isEqualTo("GFP_KERNEL 0 group null");
        }
    }

    @Test
    @Row("B14")
    void scopesDomainsGuardsAndGroupAreCarried() throws Exception {
        Task.current().group("query-17");
        Lock guard = domain.guard(new ReentrantLock(), LATCH);
        guard.lock();
        ScopeSnapshot snapshot;
        try (MemallocScope scope = MemallocScope.noFs(JOURNAL)) {
            snapshot = ScopeSnapshot.capture();
        } finally {
            guard.unlock();
            Task.current().group(null);
        }
        assertThat(snapshot.toString()).contains(JOURNAL.toString(), LATCH.toString());
        assertThat(onWorker(snapshot.wrap(this::state)))
                .isEqualTo("GFP_NOFS 1 excludes group query-17");
        assertThat(onWorker(this::state)).isEqualTo("GFP_KERNEL 0 group null");
        assertThat(state()).as("wrapping does nothing here").isEqualTo("GFP_KERNEL 0 group null");
    }

    @Test
    void exclusionsByScopeAndTokensAreCarried() throws Exception {
        int token = Memalloc.noioSave();
        ScopeSnapshot snapshot;
        try (MemallocScope scope = MemallocScope.excluding(domain, LATCH)) {
            snapshot = ScopeSnapshot.capture();
        }
        Memalloc.noioRestore(token);
        assertThat(onWorker(snapshot.wrap(this::state)))
                .isEqualTo("GFP_NOIO 2 excludes group null");
    }

    @Test
    void carriedScopesAreToldAsSuch() throws Exception {
        try (MemallocScope scope = MemallocScope.noFs(JOURNAL);
                MemallocScope excluding = MemallocScope.excluding(domain, LATCH)) {
            String told = onWorker(ScopeSnapshot.capture()
                    .wrap(() -> Task.current().describeScopes()));
            assertThat(told)
                    .contains("NOFS scope " + JOURNAL + ", handed over")
                    .contains("domain 'index' excluded by " + LATCH + ", handed over");
        }
    }

    @Test
    @Row({"B9", "B14"})
    void takenInsideReclaimItCarriesNoreclaim() throws Exception {
        int token = Task.current().enterReclaim();
        ScopeSnapshot snapshot;
        try {
            snapshot = ScopeSnapshot.capture();
        } finally {
            Task.current().leaveReclaim(token);
        }
        boolean inReclaim = onWorker(snapshot.wrap(() -> {
            assertThat(Task.current().flags()).isEqualTo(Task.NORECLAIM);
            return Task.current().inReclaim();
        }));
        assertThat(inReclaim).as("the worker does not reclaim itself").isFalse();
        assertThat(snapshot.toString()).contains("NORECLAIM");
    }

    @Test
    void theWorkersOwnScopesStayInForce() throws Exception {
        ScopeSnapshot snapshot;
        try (MemallocScope scope = MemallocScope.noFs(JOURNAL)) {
            snapshot = ScopeSnapshot.capture();
        }
        String inside = onWorker(() -> {
            try (MemallocScope mine = MemallocScope.noIo("of the worker");
                    MemallocScope own = MemallocScope.excluding(domain, LATCH)) {
                String during = snapshot.wrap(this::state).call();
                assertThat(state()).isEqualTo("GFP_NOIO 2 excludes group null");
                return during;
            }
        });
        assertThat(inside).isEqualTo("GFP_NOIO 3 excludes group null");
    }

    @Test
    void anEmptySnapshotTakesTheGroupAway() throws Exception {
        ScopeSnapshot empty = ScopeSnapshot.capture();
        assertThat(onWorker(() -> {
            Task.current().group("mine");
            String during = empty.wrap(this::state).call();
            assertThat(Task.current().group()).isEqualTo("mine");
            Task.current().group(null);
            return during;
        })).isEqualTo("GFP_KERNEL 0 group null");
    }

    @Test
    void aThrowingTaskIsCleanedUpAfter() throws Exception {
        try (MemallocScope scope = MemallocScope.noFs(JOURNAL)) {
            Callable<Object> throwing = ScopeSnapshot.capture().wrap(() -> {
                throw new java.io.IOException("thrown by the task");
            });
            assertThatThrownBy(() -> onWorker(throwing)).hasRootCauseMessage("thrown by the task");
        }
        assertThat(onWorker(this::state)).isEqualTo("GFP_KERNEL 0 group null");
    }

    @Test
    void propagatingCapturesAtEachSubmit() throws Exception {
        try (MemallocScope scope = MemallocScope.noFs(JOURNAL)) {
            assertThat(CompletableFuture.supplyAsync(this::state, propagating)
                    .get(Threads.PATIENCE_SECONDS, TimeUnit.SECONDS))
                    .isEqualTo("GFP_NOFS 1 group null");
        }
        assertThat(CompletableFuture.supplyAsync(this::state, propagating)
                .get(Threads.PATIENCE_SECONDS, TimeUnit.SECONDS))
                .isEqualTo("GFP_KERNEL 0 group null");
    }

    /// Stages that run on completion are submitted by whoever completes, with what that one is in.
    @Test
    void stagesOfACompletableFutureCarryTheirSubmittersScopes() throws Exception {
        CompletableFuture<String> start = new CompletableFuture<>();
        CompletableFuture<String> stage = start.thenApplyAsync(x -> x + state(), propagating);
        try (MemallocScope scope = MemallocScope.noIo(JOURNAL)) {
            start.complete("completer: ");
            assertThat(stage.get(Threads.PATIENCE_SECONDS, TimeUnit.SECONDS))
                    .isEqualTo("completer: GFP_NOIO 2 group null");
        }
    }

    @Test
    void theCommonPoolAndVirtualThreadsWorkToo() throws Exception {
        Executor common = ScopeSnapshot.propagating(ForkJoinPool.commonPool());
        try (MemallocScope scope = MemallocScope.noFs(JOURNAL)) {
            assertThat(CompletableFuture.supplyAsync(this::state, common)
                    .get(Threads.PATIENCE_SECONDS, TimeUnit.SECONDS))
                    .isEqualTo("GFP_NOFS 1 group null");
            ScopeSnapshot snapshot = ScopeSnapshot.capture();
            assertThat(Threads.on(Runtime.version().feature() >= 21, snapshot.wrap(this::state)))
                    .isEqualTo("GFP_NOFS 1 group null");
        }
    }

    @Test
    void anExecutorThatRunsOnTheCallerNests() {
        Executor direct = ScopeSnapshot.propagating(Runnable::run);
        try (MemallocScope scope = MemallocScope.noFs(JOURNAL)) {
            String[] inside = new String[1];
            direct.execute(() -> {
                try (MemallocScope inner = MemallocScope.noIo(LATCH)) {
                    inside[0] = state();
                }
            });
            assertThat(inside[0]).isEqualTo("GFP_NOIO 3 group null");
            assertThat(state()).isEqualTo("GFP_NOFS 1 group null");
        }
    }

    @Test
    void aTaskThatReturnsInsideAScopeItOpenedIsNoticed() throws Exception {
        try (MemallocScope scope = MemallocScope.noFs(JOURNAL)) {
            CompletableFuture.runAsync(() -> MemallocScope.noIo(LATCH), propagating)
                    .get(Threads.PATIENCE_SECONDS, TimeUnit.SECONDS);
        }
        // The future ends before the wrapper has looked; the worker's next task comes after.
        assertThat(onWorker(this::state)).isEqualTo("GFP_KERNEL 0 group null");
        assertThat(events.all()).singleElement().asString()
                .contains("NOIO scope " + LATCH)
                .contains("handed over");
    }

    @Test
    void aTaskThatLeavesATokenBehindIsNoticed() throws Exception {
        onWorker(ScopeSnapshot.capture().wrap(Memalloc::nofsSave));
        assertThat(events.all()).singleElement().asString().contains("Memalloc.nofsSave");
        assertThat(onWorker(this::state)).isEqualTo("GFP_KERNEL 0 group null");
    }

    @Test
    void aTaskThatKeepsALockIsNoticedAndStaysExcluded() throws Exception {
        Lock guard = domain.guard(new ReentrantLock(), LATCH);
        onWorker(ScopeSnapshot.capture().wrap(() -> {
            guard.lock();
            return true;
        }));
        assertThat(events.all()).singleElement().asString().contains(LATCH.toString());
        assertThat(onWorker(this::state)).as("it does hold the lock")
                .isEqualTo("GFP_KERNEL 0 excludes group null");
        onWorker(() -> {
            guard.unlock();
            return true;
        });
    }

    @Test
    void aScopeThatOutlivesItsTaskIsClosedAlready() throws Exception {
        MemallocScope[] escaped = new MemallocScope[1];
        onWorker(ScopeSnapshot.capture().wrap(() -> escaped[0] = MemallocScope.noFs(LATCH)));
        onWorker(() -> {
            assertThatThrownBy(escaped[0]::close).hasMessageContaining("closed already");
            return true;
        });
    }

    @Test
    void aCrossedTokenInATaskDoesNotHurtTheWorker() throws Exception {
        onWorker(() -> {
            int token = Memalloc.nofsSave();
            ScopeSnapshot.capture().wrap(() -> Memalloc.nofsRestore(token)).run();
            assertThat(Memalloc.effective(Gfp.KERNEL)).as("restored exactly").isEqualTo(Gfp.NOFS);
            Memalloc.nofsRestore(token);
            return true;
        });
        assertThat(events.all()).isNotEmpty().allMatch(e -> e.startsWith("crossed"));
    }

    @Test
    void oneSnapshotRunsOnManyThreads() throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(4);
        try (MemallocScope scope = MemallocScope.noFs(JOURNAL)) {
            Callable<String> task = ScopeSnapshot.capture().wrap(this::state);
            for (var result : pool.invokeAll(java.util.Collections.nCopies(100, task))) {
                assertThat(result.get()).isEqualTo("GFP_NOFS 1 group null");
            }
        } finally {
            pool.shutdown();
        }
    }
}
