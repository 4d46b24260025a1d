package dev.polder.gfp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.task.Task;
import dev.polder.testkit.Row;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;

@ExtendWith(CleanScopes.class)
class MemallocScopeTest {
    private static final ScopeSite JOURNAL = ScopeSite.of("journal handle");
    private static final ScopeSite QUEUE = ScopeSite.of("holds the write queue");
    private static final ScopeSite CACHE = ScopeSite.of("cache lock");
    private static final ReclaimDomain INDEX = ReclaimDomain.of("index");

    @RegisterExtension
    private final HeardEvents events = new HeardEvents();

    private static int kernel() {
        return Memalloc.effective(Gfp.KERNEL);
    }

    @Test
    @Row({"B2", "B3"})
    void scopesNestAndTheFamiliesAreIndependent() {
        try (MemallocScope io = MemallocScope.noIo(QUEUE)) {
            assertThat(kernel()).isEqualTo(Gfp.NOIO);
            try (MemallocScope fs = MemallocScope.noFs(JOURNAL)) {
                assertThat(kernel()).isEqualTo(Gfp.NOIO);
            }
            assertThat(kernel()).isEqualTo(Gfp.NOIO);
        }
        try (MemallocScope fs = MemallocScope.noFs(JOURNAL)) {
            try (MemallocScope io = MemallocScope.noIo(QUEUE);
                    MemallocScope again = MemallocScope.noFs(JOURNAL)) {
                assertThat(kernel()).isEqualTo(Gfp.NOIO);
            }
            assertThat(kernel()).isEqualTo(Gfp.NOFS);
        }
        assertThat(kernel()).isEqualTo(Gfp.KERNEL);
    }

    @Test
    @Row("B8")
    void noReclaimForbidsDirectReclaimWithoutEditingTheMask() {
        try (MemallocScope scope = MemallocScope.noReclaim(CACHE)) {
            assertThat(Task.current().flags()).isEqualTo(Task.NORECLAIM);
            assertThat(kernel()).isEqualTo(Gfp.KERNEL);
        }
        assertThat(Task.current().flags()).isZero();
    }

    @Test
    void excludingNarrowsNoMask() {
        ReclaimDomain sameName = ReclaimDomain.of("index");
        try (MemallocScope outer = MemallocScope.excluding(INDEX, CACHE)) {
            try (MemallocScope inner = MemallocScope.excluding(INDEX, "again")) {
                assertThat(kernel()).isEqualTo(Gfp.KERNEL);
            }
            assertThat(Task.current().excludes(INDEX)).isTrue();
            assertThat(Task.current().excludes(sameName)).as("identity, not name").isFalse();
            assertThat(Task.current().excludesAny()).isTrue();
        }
        assertThat(Task.current().excludes(INDEX)).isFalse();
        assertThat(Task.current().excludesAny()).isFalse();
    }

    @Test
    void everyFormTakesABareReason() {
        try (MemallocScope a = MemallocScope.noFs("why a");
                MemallocScope b = MemallocScope.noIo("why b");
                MemallocScope c = MemallocScope.noReclaim("why c");
                MemallocScope d = MemallocScope.excluding(INDEX, "why d")) {
            assertThat(Task.current().describeScopes())
                    .contains("NOFS scope 'why a'", "NOIO scope 'why b'", "NORECLAIM scope 'why c'",
                            "domain 'index' excluded by 'why d'")
                    .contains("-Ddev.polder.scope.places=all");
        }
    }

    @Test
    void aSiteTellsReasonAndPlace() {
        assertThat(JOURNAL.reason()).isEqualTo("journal handle");
        assertThat(JOURNAL.className()).isEqualTo(MemallocScopeTest.class.getName());
        assertThat(JOURNAL.line()).isPositive();
        assertThat(QUEUE.line()).isEqualTo(JOURNAL.line() + 1);
        assertThat(JOURNAL)
                .hasToString("'journal handle' (MemallocScopeTest:" + JOURNAL.line() + ")");
        try (MemallocScope scope = MemallocScope.noFs(JOURNAL);
                MemallocScope excluding = MemallocScope.excluding(INDEX, CACHE)) {
            assertThat(Task.current().describeScopes())
                    .isEqualTo("domain 'index' excluded by " + CACHE + "; NOFS scope " + JOURNAL);
            assertThat(Task.current().innermostSite()).isSameAs(CACHE);
        }
        assertThat(Task.current().describeScopes()).isEqualTo("no scope");
        assertThat(Task.current().innermostSite()).isNull();
    }

    @Test
    void closingTwiceIsToldAndChangesNothing() {
        MemallocScope scope = MemallocScope.noFs(JOURNAL);
        scope.close();
        try (MemallocScope other = MemallocScope.noIo(QUEUE)) {
            assertThatThrownBy(scope::close)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("closed already")
                    .hasMessageContaining(JOURNAL.toString())
                    .hasMessageContaining(QUEUE.toString());
            assertThat(kernel()).isEqualTo(Gfp.NOIO);
        }
        assertThatThrownBy(scope::close).hasMessageContaining("no scope");
    }

    @Test
    void closingOutOfOrderNeitherLeaksNorEndsEarly() {
        MemallocScope outer = MemallocScope.noFs(JOURNAL);
        MemallocScope inner = MemallocScope.excluding(INDEX, CACHE);
        assertThatThrownBy(outer::close)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("out of order")
                .hasMessageContaining(JOURNAL.toString())
                .hasMessageContaining("domain 'index' excluded by " + CACHE);
        assertThat(kernel()).as("still restricted").isEqualTo(Gfp.NOFS);
        assertThat(Task.current().describeScopes()).contains("closed out of order");
        assertThatThrownBy(outer::close).hasMessageContaining("closed already");
        try (MemallocScope later = MemallocScope.noIo(QUEUE)) {
            assertThat(kernel()).isEqualTo(Gfp.NOIO);
        }
        assertThat(kernel()).isEqualTo(Gfp.NOFS);
        inner.close();
        assertThat(kernel()).as("ends with the one opened after it").isEqualTo(Gfp.KERNEL);
        assertThat(Task.current().excludesAny()).isFalse();
    }

    @Test
    void severalClosedOutOfOrderEndTogether() {
        MemallocScope a = MemallocScope.noFs(JOURNAL);
        MemallocScope b = MemallocScope.noIo(QUEUE);
        MemallocScope c = MemallocScope.excluding(INDEX, CACHE);
        assertThatThrownBy(a::close).hasMessageContaining("out of order");
        assertThatThrownBy(b::close).hasMessageContaining("out of order");
        assertThat(kernel()).isEqualTo(Gfp.NOIO);
        c.close();
        assertThat(kernel()).isEqualTo(Gfp.KERNEL);
        assertThat(Task.current().depth()).isZero();
    }

    @Test
    void aScopeUnderAnUnfinishedSaveEndsWithIt() {
        MemallocScope scope = MemallocScope.noFs(JOURNAL);
        int token = Memalloc.noioSave();
        assertThatThrownBy(scope::close).hasMessageContaining("NOIO save 'Memalloc.noioSave'");
        assertThat(kernel()).isEqualTo(Gfp.NOIO);
        Memalloc.noioRestore(token);
        assertThat(kernel()).isEqualTo(Gfp.KERNEL);
    }

    @Test
    void closingOnAnotherThreadIsRefused() throws Exception {
        MemallocScope scope = MemallocScope.noFs(JOURNAL);
        String owner = Thread.currentThread().getName();
        Threads.on(() -> {
            try (MemallocScope mine = MemallocScope.noIo(QUEUE)) {
                assertThatThrownBy(scope::close)
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessageContaining(JOURNAL.toString())
                        .hasMessageContaining("opened by thread " + owner)
                        .hasMessageContaining("closed by thread test-platform")
                        .hasMessageContaining(QUEUE.toString());
                assertThat(kernel()).isEqualTo(Gfp.NOIO);
            }
            return true;
        });
        assertThat(kernel()).as("nothing changed here").isEqualTo(Gfp.NOFS);
        scope.close();
    }

    @Test
    void requireNoneNamesWhatIsOpen() {
        assertThatCode(MemallocScope::requireNone).doesNotThrowAnyException();
        try (MemallocScope scope = MemallocScope.noFs(JOURNAL)) {
            assertThatThrownBy(MemallocScope::requireNone)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining(JOURNAL.toString());
        }
        int token = Memalloc.nofsSave();
        assertThatThrownBy(MemallocScope::requireNone).hasMessageContaining("Memalloc.nofsSave");
        Memalloc.nofsRestore(token);
    }

    @Test
    void aPoolCanRefuseToTakeBackAThreadInsideAScope() throws Exception {
        LinkedBlockingQueue<Throwable> refused = new LinkedBlockingQueue<>();
        LinkedBlockingQueue<Thread> workers = new LinkedBlockingQueue<>();
        ThreadPoolExecutor pool = new ThreadPoolExecutor(
                1, 1, 0, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), task -> {
                    Thread worker = Threads.make(false, task);
                    workers.add(worker);
                    return worker;
                }) {
            @Override
            protected void afterExecute(Runnable task, Throwable thrown) {
                try {
                    MemallocScope.requireNone();
                } catch (IllegalStateException open) {
                    refused.add(open);
                }
            }
        };
        pool.execute(() -> MemallocScope.noFs(JOURNAL));
        assertThat(refused.poll(Threads.PATIENCE_SECONDS, TimeUnit.SECONDS))
                .hasMessageContaining(JOURNAL.toString());
        pool.shutdown();
        Threads.end(workers.take());
        Task.reap();
        assertThat(events.all()).as("and the thread's end is noticed").hasSize(1);
    }

    @Test
    @SuppressWarnings("NullAway") // for callers that are not checked
    void nullArgumentsAreRefusedAndOpenNothing() {
        assertThatThrownBy(() -> MemallocScope.noFs((ScopeSite) null))
                .isInstanceOf(NullPointerException.class);
        assertThatThrownBy(() -> MemallocScope.noIo((String) null))
                .isInstanceOf(NullPointerException.class);
        assertThatThrownBy(() -> MemallocScope.excluding(null, CACHE))
                .isInstanceOf(NullPointerException.class);
        assertThatThrownBy(() -> MemallocScope.excluding(INDEX, (ScopeSite) null))
                .isInstanceOf(NullPointerException.class);
        assertThat(Task.current().depth()).isZero();
    }

    @Test
    void aLoopThatOpensForEverIsStopped() throws Exception {
        Threads.on(() -> {
            assertThatThrownBy(() -> {
                for (int i = 0; i <= 1 << 16; i++) {
                    MemallocScope.noFs(JOURNAL);
                }
            }).isInstanceOf(IllegalStateException.class).hasMessageContaining(JOURNAL.toString());
            assertThat(Task.current().depth()).isEqualTo(1 << 16);
            Task.current().verify();
            return true;
        });
        Task.reap();
        assertThat(events.all()).singleElement().asString()
                .contains(JOURNAL.toString()).endsWith("and 65526 more scopes");
    }
}
