package dev.polder.gfp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.task.Task;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@ExtendWith(CleanScopes.class)
class ScopeLeakTest {
    private static final ScopeSite FORGOTTEN = ScopeSite.of("forgotten");

    @RegisterExtension
    private final HeardEvents events = new HeardEvents();

    @BeforeEach
    void nothingIsFoundAtFirst() {
        Task.reap();
    }

    @ParameterizedTest
    @MethodSource("dev.polder.gfp.Threads#kinds")
    void aThreadThatEndsInsideAScopeIsFound(boolean virtual) throws Exception {
        Threads.on(virtual, () -> MemallocScope.noFs(FORGOTTEN));
        assertThat(Task.reap()).isEqualTo(1);
        assertThat(Task.reap()).as("once").isZero();
        assertThat(events.all()).singleElement().asString()
                .contains(virtual ? "leaked test-virtual-0" : "leaked test-platform")
                .contains("NOFS scope " + FORGOTTEN);
    }

    @ParameterizedTest
    @MethodSource("dev.polder.gfp.Threads#kinds")
    void aThreadThatClosesItsScopesIsNot(boolean virtual) throws Exception {
        Threads.on(virtual, () -> {
            try (MemallocScope scope = MemallocScope.noFs(FORGOTTEN)) {
                return Memalloc.effective(Gfp.KERNEL);
            }
        });
        assertThat(Task.reap()).isZero();
        assertThat(events.all()).isEmpty();
    }

    @Test
    void aSaveWithoutRestoreIsFound() throws Exception {
        Threads.on(Memalloc::noioSave);
        assertThat(Task.reap()).isEqualTo(1);
        assertThat(events.all()).singleElement().asString().contains("Memalloc.noioSave");
    }

    @Test
    void aGuardedLockThatIsNeverReleasedIsFound() throws Exception {
        Lock lock = ReclaimDomain.of("index").guard(new ReentrantLock(), FORGOTTEN);
        Threads.on(() -> {
            lock.lock();
            return true;
        });
        assertThat(Task.reap()).isEqualTo(1);
        assertThat(events.all()).singleElement().asString()
                .contains("domain 'index' excluded by " + FORGOTTEN);
    }

    @Test
    void aScopeClosedOutOfOrderIsNoLeakOnceItsRestrictionEnded() throws Exception {
        Threads.on(() -> {
            MemallocScope outer = MemallocScope.noFs(FORGOTTEN);
            MemallocScope inner = MemallocScope.noIo(FORGOTTEN);
            try {
                outer.close();
            } catch (IllegalStateException expected) {
                inner.close();
            }
            return true;
        });
        assertThat(Task.reap()).isZero();
    }

    @Test
    void liveThreadsAreLeftAlone() throws Exception {
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch leave = new CountDownLatch(1);
        Thread thread = Threads.make(false, () -> {
            try (MemallocScope scope = MemallocScope.noFs(FORGOTTEN)) {
                inside.countDown();
                leave.await();
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        });
        thread.start();
        inside.await();
        assertThat(Task.reap()).isZero();
        leave.countDown();
        Threads.end(thread);
        assertThat(Task.reap()).isZero();
    }

    /// Nobody calls reap() in a real program: the daemon does it, within ten seconds.
    @Test
    void theDaemonReportsByItself() throws Exception {
        Threads.on(() -> MemallocScope.noFs("left to the daemon"));
        assertThat(events.await("left to the daemon", 10)).isTrue();
    }

    @Test
    void manyShortThreadsAreForgotten() throws Exception {
        for (int i = 0; i < 200; i++) {
            Threads.on(() -> {
                try (MemallocScope scope = MemallocScope.noFs(FORGOTTEN)) {
                    return true;
                }
            });
        }
        assertThat(Task.reap()).isZero();
        assertThat(events.all()).isEmpty();
    }

    /// More than wake the daemon early: nothing is lost, nothing is kept.
    @Test
    @Tag("newer-java")
    void aStormOfVirtualThreadsIsSurvived() throws Exception {
        ThreadFactory factory = Threads.virtualFactory();
        int leaking = 3;
        CountDownLatch done = new CountDownLatch(10_000 + leaking);
        for (int i = 0; i < 10_000; i++) {
            factory.newThread(() -> {
                try (MemallocScope scope = MemallocScope.noFs(FORGOTTEN)) {
                    done.countDown();
                }
            }).start();
        }
        List<Thread> leakers = new ArrayList<>();
        for (int i = 0; i < leaking; i++) {
            Thread leaker = factory.newThread(() -> {
                MemallocScope.noFs(FORGOTTEN);
                done.countDown();
            });
            leakers.add(leaker);
            leaker.start();
        }
        assertThat(done.await(Threads.PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
        for (Thread leaker : leakers) {
            Threads.end(leaker);
        }
        assertThat(Task.reap()).isEqualTo(leaking);
        assertThat(events.all()).hasSize(leaking);
    }

    @Test
    void aThreadIsNamedByWhatItWasCalledLast() throws Exception {
        Thread thread = Threads.make(false, () -> {
            MemallocScope.noFs(FORGOTTEN);
            Thread.currentThread().setName("renamed");
        });
        thread.start();
        thread.join(TimeUnit.SECONDS.toMillis(Threads.PATIENCE_SECONDS));
        assertThat(Task.reap()).isEqualTo(1);
        assertThat(events.all()).singleElement().asString().contains("leaked renamed");
    }
}
