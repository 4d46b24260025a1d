package dev.polder.gfp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.task.Task;
import dev.polder.testkit.Row;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@SuppressWarnings({"LockNotBeforeTry", "WaitNotInLoop"}) // locks are the subject here
@ExtendWith(CleanScopes.class)
class FsReclaimTest {
    private static final ScopeSite SITE = ScopeSite.of("test");

    private final List<String> heard = new ArrayList<>();
    private final ReclaimDomain domain = ReclaimDomain.of("index");

    private final class Recorder implements FsReclaim.Tracker {
        @Override
        public void mightAlloc(int gfp) {
            heard.add("alloc " + Gfp.toString(gfp));
        }

        @Override
        public void reclaimEnter(int gfp) {
            heard.add("enter " + Gfp.toString(gfp));
        }

        @Override
        public void reclaimLeave(int gfp) {
            heard.add("leave " + Gfp.toString(gfp));
        }

        @Override
        public void callbackEnter(String shrinker, @Nullable ReclaimDomain d, boolean mayWait) {
            heard.add("call " + shrinker + " " + d + " " + mayWait);
        }

        @Override
        public void callbackLeave(String shrinker, @Nullable ReclaimDomain d) {
            heard.add("return " + shrinker + " " + d);
        }

        @Override
        public void waitBegin(Object pool, int gfp) {
            heard.add("wait " + pool + " " + Gfp.toString(gfp));
        }

        @Override
        public void waitEnd(Object pool) {
            heard.add("woken " + pool);
        }

        @Override
        public void guardAcquired(ReclaimDomain d, Lock lock, ScopeSite site) {
            heard.add("guard " + d + " " + site.reason());
        }

        @Override
        public void guardReleased(ReclaimDomain d, Lock lock) {
            heard.add("unguard " + d);
        }
    }

    @BeforeEach
    void listen() {
        FsReclaim.install(new Recorder());
    }

    @AfterEach
    void stop() {
        FsReclaim.install(null);
    }

    @Test
    @Row({"K1", "K3"})
    void everyMaskIsAnnouncedUnlessItCannotReclaim() {
        GfpConformanceTest.forEveryMask(mask -> {
            heard.clear();
            FsReclaim.mightAlloc(mask);
            boolean silent = (mask & Gfp.DIRECT_RECLAIM) == 0 || (mask & Gfp.NOLOCKDEP) != 0;
            assertThat(heard).isEqualTo(
                    silent ? List.of() : List.of("alloc " + Gfp.toString(mask)));
        });
    }

    @Test
    @Row({"K1", "K2"})
    void theMaskIsNarrowedByTheScopeFirst() {
        try (MemallocScope scope = MemallocScope.noFs(SITE)) {
            FsReclaim.mightAlloc(Gfp.KERNEL);
            try (MemallocScope inner = MemallocScope.noIo(SITE)) {
                FsReclaim.mightAlloc(Gfp.KERNEL | Gfp.ZERO);
            }
        }
        assertThat(heard).containsExactly("alloc GFP_NOFS", "alloc GFP_NOIO|__GFP_ZERO");
    }

    @Test
    @Row({"K1", "B9"})
    void insideReclaimNothingIsAnnounced() {
        FsReclaim.acquire(Gfp.KERNEL);
        int token = Task.current().enterReclaim();
        FsReclaim.mightAlloc(Gfp.KERNEL | Gfp.NOFAIL);
        FsReclaim.acquire(Gfp.KERNEL);
        FsReclaim.release(Gfp.KERNEL);
        Task.current().leaveReclaim(token);
        FsReclaim.release(Gfp.KERNEL);
        FsReclaim.mightAlloc(Gfp.KERNEL);
        assertThat(heard)
                .containsExactly("enter GFP_KERNEL", "leave GFP_KERNEL", "alloc GFP_KERNEL");
    }

    @Test
    @Row({"K4", "B10"})
    void backgroundReclaimIsAnnouncedWithItsOwnMask() {
        int token = Task.current().saveFlags(Task.NORECLAIM); // as kswapd lives
        FsReclaim.acquireBackground();
        FsReclaim.mightAlloc(Gfp.KERNEL);
        FsReclaim.releaseBackground();
        Task.current().restoreFlags(token);
        assertThat(heard).containsExactly("enter GFP_KERNEL", "leave GFP_KERNEL");
    }

    @Test
    void aScopeOpenedBetweenBeginAndEndDoesNotUnbalance() {
        FsReclaim.acquire(Gfp.KERNEL);
        MemallocScope scope = MemallocScope.noFs(SITE);
        MemallocScope noReclaim = MemallocScope.noReclaim(SITE);
        FsReclaim.release(Gfp.KERNEL);
        noReclaim.close();
        scope.close();
        FsReclaim.acquire(Gfp.NOWAIT);
        FsReclaim.release(Gfp.KERNEL);
        FsReclaim.release(Gfp.KERNEL);
        assertThat(heard).containsExactly("enter GFP_KERNEL", "leave GFP_KERNEL");
    }

    /// The smallest lock checker: does an announcement want the pseudo-lock that is held?
    @Test
    @Row({"K2", "K5"})
    void theSelfTestContractCanBeKept() {
        List<String> verdicts = new ArrayList<>();
        FsReclaim.install(new FsReclaim.Tracker() {
            private boolean held;

            @Override
            public void mightAlloc(int gfp) {
                verdicts.add((gfp & Gfp.FS) != 0 && held ? "violation" : "fine");
            }

            @Override
            public void reclaimEnter(int gfp) {
                held |= (gfp & Gfp.FS) != 0;
            }

            @Override
            public void reclaimLeave(int gfp) {
                held &= (gfp & Gfp.FS) == 0;
            }
        });
        FsReclaim.acquire(Gfp.KERNEL);
        FsReclaim.mightAlloc(Gfp.NOFS);
        FsReclaim.mightAlloc(Gfp.KERNEL);
        try (MemallocScope scope = MemallocScope.noFs(SITE)) {
            FsReclaim.mightAlloc(Gfp.KERNEL);
        }
        FsReclaim.release(Gfp.KERNEL);
        FsReclaim.mightAlloc(Gfp.KERNEL);
        assertThat(verdicts).containsExactly("fine", "violation", "fine", "fine");
    }

    @Test
    void callbacksAndWaitsAreAnnounced() {
        FsReclaim.callbackEnter("nodes", domain, true);
        FsReclaim.callbackLeave("nodes", domain);
        FsReclaim.callbackEnter("plain", null, false);
        FsReclaim.callbackLeave("plain", null);
        try (MemallocScope scope = MemallocScope.noFs(SITE)) {
            FsReclaim.waitBegin("main", Gfp.KERNEL);
        }
        FsReclaim.waitEnd("main");
        assertThat(heard).containsExactly("call nodes index true", "return nodes index",
                "call plain null false", "return plain null", "wait main GFP_NOFS", "woken main");
    }

    @Test
    void guardsAreAnnouncedInBalance() throws Exception {
        Lock guard = domain.guard(new ReentrantLock(), "latch");
        guard.lock();
        assertThat(guard.tryLock()).isTrue();
        heard.add("--- wait");
        guard.newCondition().awaitNanos(1);
        heard.add("--- woken");
        guard.unlock();
        guard.unlock();
        assertThat(heard).containsExactly("guard index latch", "guard index latch",
                "--- wait", "unguard index", "unguard index", "guard index latch",
                "guard index latch", "--- woken", "unguard index", "unguard index");
    }

    @Test
    void withoutATrackerNothingHappens() {
        FsReclaim.install(null);
        FsReclaim.mightAlloc(Gfp.KERNEL);
        FsReclaim.acquire(Gfp.KERNEL);
        FsReclaim.acquireBackground();
        FsReclaim.callbackEnter("nodes", domain, true);
        FsReclaim.waitBegin("main", Gfp.KERNEL);
        FsReclaim.install(new Recorder());
        FsReclaim.release(Gfp.KERNEL);
        FsReclaim.releaseBackground();
        assertThat(heard).as("an end without a begin is not announced").isEmpty();
    }

    @Test
    void aTrackerOnlyHasToHearOfReclaim() {
        FsReclaim.install(new FsReclaim.Tracker() {
            @Override
            public void mightAlloc(int gfp) {
                heard.add("alloc");
            }

            @Override
            public void reclaimEnter(int gfp) {
                heard.add("enter");
            }

            @Override
            public void reclaimLeave(int gfp) {
                heard.add("leave");
            }
        });
        Lock guard = domain.guard(new ReentrantLock(), "latch");
        guard.lock();
        guard.unlock();
        FsReclaim.callbackEnter("nodes", domain, true);
        FsReclaim.callbackLeave("nodes", domain);
        FsReclaim.waitBegin("main", Gfp.KERNEL);
        FsReclaim.waitEnd("main");
        FsReclaim.tryEntered(guard, true);
        FsReclaim.mightAlloc(Gfp.KERNEL);
        assertThat(heard).containsExactly("alloc");
    }
}
