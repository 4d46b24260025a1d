package dev.polder.lockdep.polder;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.gfp.FsReclaim;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.MemallocScope;
import dev.polder.gfp.ReclaimDomain;
import dev.polder.gfp.ScopeSite;
import dev.polder.gfp.ScopeSnapshot;
import dev.polder.lockdep.advisor.Advice;
import dev.polder.lockdep.advisor.Advice.Kind;
import dev.polder.lockdep.advisor.Advisor;
import dev.polder.lockdep.engine.Lockdep;
import dev.polder.lockdep.engine.Mode;
import dev.polder.lockdep.engine.Sites;
import java.util.List;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// Each piece of advice with its count and place, and a twin for which the advisor stays silent.
class AdvisorTest {
    private static final ScopeSite HANDLE = ScopeSite.of("journal handle");

    private final Lockdep engine = new Lockdep();
    private final Advisor advisor = new Advisor(engine);
    private final ReentrantLock lock = new ReentrantLock();
    private final int site =
            engine.sites().add(new Sites.Site("app.Index", "update", 42, "", 0));

    @BeforeEach
    void install() {
        engine.name(lock, "index");
        new PolderTracker(engine, advisor, new ForcedReclaim(0), false).install();
    }

    @AfterEach
    void remove() {
        FsReclaim.install(null);
        assertThat(engine.held().depth()).isZero();
    }

    private void reclaimNeedsTheLock() {
        FsReclaim.acquire(Gfp.KERNEL);
        under(() -> { });
        FsReclaim.release(Gfp.KERNEL);
    }

    private void under(Runnable work) {
        engine.acquire(lock, Mode.EXCLUSIVE, site);
        work.run();
        engine.release(lock);
    }

    private static void scope(int allocations) {
        try (MemallocScope _ = MemallocScope.noFs(HANDLE)) {
            for (int i = 0; i < allocations; i++) {
                FsReclaim.mightAlloc(Gfp.KERNEL);
            }
        }
    }

    private List<Kind> kinds() {
        return advisor.advice().stream().map(Advice::kind).toList();
    }

    private Advice only(Kind kind) {
        assertThat(advisor.advice()).extracting(Advice::kind).containsOnlyOnce(kind);
        return advisor.advice().stream().filter(a -> a.kind() == kind).findFirst().orElseThrow();
    }

    @Test
    void aScopeUnderALockThatReclaimNeverNeeds() {
        under(() -> scope(3));
        Advice advice = only(Kind.SCOPE_PROTECTS_NOTHING);
        assertThat(advice.place()).contains("journal handle", "AdvisorTest:");
        assertThat(advice.allocations()).isEqualTo(3);
        assertThat(advice.text()).contains("reclaim was never seen to need index");
        reclaimNeedsTheLock();
        assertThat(kinds()).as("the twin: reclaim needs it").isEmpty();
    }

    @Test
    void aMaskUnderALockThatReclaimNeverNeeds() {
        under(() -> FsReclaim.mightAlloc(Gfp.NOFS));
        Advice advice = only(Kind.MASK_PROTECTS_NOTHING);
        assertThat(advice.place()).startsWith("AdvisorTest.").contains(":");
        assertThat(advice.allocations()).isEqualTo(1);
        reclaimNeedsTheLock();
        assertThat(kinds()).as("the twin: reclaim needs it").isEmpty();
    }

    @Test
    void aScopeAroundOneAllocationEachTime() {
        reclaimNeedsTheLock();
        for (int i = 0; i < 8; i++) {
            assertThat(kinds()).as("it may be chance").isEmpty();
            under(() -> scope(1));
        }
        assertThat(only(Kind.ONE_ALLOCATION_IN_SCOPE).allocations()).isEqualTo(8);
        under(() -> scope(2));
        assertThat(kinds()).as("the twin: it also serves two").isEmpty();
    }

    @Test
    void masksUnderOneLockAndTheLineOfThatLock() {
        reclaimNeedsTheLock();
        under(() -> FsReclaim.mightAlloc(Gfp.NOFS));
        assertThat(kinds()).as("the twin: one place").isEmpty();
        under(() -> FsReclaim.mightAlloc(Gfp.NOFS));
        Advice advice = only(Kind.MASKS_UNDER_ONE_LOCK);
        assertThat(advice.place()).isEqualTo("Index.update:42");
        assertThat(advice.allocations()).isEqualTo(2);
        assertThat(advice.text()).contains("AdvisorTest.", "under index");
    }

    @Test
    void aScopeWiderThanTheLock() {
        reclaimNeedsTheLock();
        try (MemallocScope _ = MemallocScope.noFs(HANDLE)) {
            under(() -> FsReclaim.mightAlloc(Gfp.KERNEL));
            assertThat(kinds()).as("the twin: under the lock only").isEmpty();
            FsReclaim.mightAlloc(Gfp.KERNEL);
        }
        Advice advice = only(Kind.SCOPE_WIDER_THAN_LOCK);
        assertThat(advice.text()).startsWith("1 of 2 allocations");
    }

    private static Runnable handedOver(ScopeSite site) {
        try (MemallocScope _ = MemallocScope.noFs(site)) {
            return ScopeSnapshot.capture().wrap(() -> {
                FsReclaim.mightAlloc(Gfp.KERNEL);
                FsReclaim.mightAlloc(Gfp.KERNEL);
            });
        }
    }

    private static void onAnotherThread(Runnable work) throws InterruptedException {
        Thread worker = new Thread(work);
        worker.start();
        worker.join();
    }

    @Test
    void aScopeHandedOverWithWorkThatNobodyWaitsFor() throws InterruptedException {
        onAnotherThread(handedOver(HANDLE));
        Advice advice = only(Kind.HANDED_OVER_FOR_NOBODY);
        assertThat(advice.place()).contains("journal handle", "AdvisorTest:");
        assertThat(advice.allocations()).isEqualTo(2);
        assertThat(kinds()).as("the locks that it stands for are another thread's").hasSize(1);
        under(() -> {
            try (MemallocScope _ = MemallocScope.noFs(HANDLE)) {
                onAnotherThread(ScopeSnapshot.capture().wrap(
                        () -> FsReclaim.mightAlloc(Gfp.KERNEL)));
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
        assertThat(kinds()).as("the twin: it is waited for").isEmpty();
    }

    /// A guarded lock is an exclusion that is handed over as well; and what the work opens itself
    /// is its own.
    @Test
    void aGuardHandedOverAndAScopeOfTheWorkItself() throws InterruptedException {
        Lock guard = ReclaimDomain.of("store").guard(new ReentrantLock(), HANDLE);
        guard.lock();
        ScopeSnapshot held = ScopeSnapshot.capture();
        onAnotherThread(held.wrap(() -> FsReclaim.mightAlloc(Gfp.KERNEL)));
        assertThat(kinds()).as("still held").isEmpty();
        guard.unlock();
        onAnotherThread(held.wrap(() -> scope(1)));
        assertThat(kinds()).as("inside a scope of its own").doesNotContain(
                Kind.HANDED_OVER_FOR_NOBODY);
    }
}
