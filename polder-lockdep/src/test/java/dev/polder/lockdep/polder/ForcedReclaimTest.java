package dev.polder.lockdep.polder;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.gfp.FsReclaim;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.MemallocScope;
import dev.polder.gfp.ReclaimDomain;
import dev.polder.gfp.ScopeSite;
import dev.polder.lockdep.advisor.Advice;
import dev.polder.lockdep.advisor.Advisor;
import dev.polder.lockdep.engine.Lockdep;
import dev.polder.lockdep.engine.Mode;
import dev.polder.lockdep.engine.Report;
import dev.polder.lockdep.report.Findings;
import dev.polder.lockdep.report.Suppressions;
import dev.polder.lockdep.report.TextReport;
import dev.polder.shrinker.ShrinkControl;
import dev.polder.shrinker.Shrinker;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// Forced reclaim, domains, re-entry and the advisor, through the port and with plenty of memory.
class ForcedReclaimTest {
    private static final ScopeSite HANDLE = ScopeSite.of("journal handle");

    private final Lockdep engine = new Lockdep();
    private final Findings findings = new Findings(Suppressions.none());
    private final Advisor advisor = new Advisor(engine);
    private final ForcedReclaim forced = new ForcedReclaim(1);
    private final ReclaimDomain store = ReclaimDomain.of("store");
    private final ReentrantLock lock = new ReentrantLock();
    private final HandRun shrinkers = new HandRun("");
    private int scans;

    @BeforeEach
    void install() {
        engine.listener(findings);
        engine.name(lock, "index");
        new PolderTracker(engine, advisor, forced, true).install();
    }

    @AfterEach
    void remove() {
        FsReclaim.install(null);
        engine.held().verify();
        assertThat(engine.held().depth()).isZero();
    }

    private void mightAlloc(int gfp) {
        FsReclaim.mightAlloc(gfp, shrinkers);
    }

    private void take(int mode) {
        engine.acquire(lock, mode, 0);
        lock.lock();
    }

    private void give() {
        lock.unlock();
        engine.release(lock);
    }

    /// Waits for the lock, whatever it is told.
    private final class Waiting implements Shrinker {
        @Override
        public long count(ShrinkControl sc) {
            return 1;
        }

        @Override
        public long scan(ShrinkControl sc) {
            scans++;
            take(Mode.EXCLUSIVE);
            give();
            return sc.toScan();
        }
    }

    /// Tries, and stops where it must not wait.
    private final class Careful implements Shrinker {
        @Override
        public long count(ShrinkControl sc) {
            return 1;
        }

        @Override
        public long scan(ShrinkControl sc) {
            scans++;
            if (!sc.tryEnter(lock)) {
                return STOP;
            }
            give();
            return sc.toScan();
        }
    }

    /// Waits where it may, else tries.
    private final class Polite implements Shrinker {
        @Override
        public long count(ShrinkControl sc) {
            return 1;
        }

        @Override
        public long scan(ShrinkControl sc) {
            return sc.mayWait() ? new Waiting().scan(sc) : new Careful().scan(sc);
        }
    }

    @Test
    void bothHalvesAreSeenInOneAllocation() {
        shrinkers.add("careless", new Waiting(), null);
        mightAlloc(Gfp.KERNEL); // teaches: reclaim takes the lock
        assertThat(findings.reports()).isEmpty();
        take(Mode.EXCLUSIVE);
        mightAlloc(Gfp.KERNEL);
        give();
        assertThat(findings.reports()).extracting(Report::kind)
                .containsExactly(Report.Kind.CYCLE, Report.Kind.REENTRY);
        assertThat(forced.runs()).isEqualTo(2);
    }

    @Test
    void aReentryIsAKindOfItsOwn() {
        shrinkers.add("careless", new Waiting(), null);
        take(Mode.EXCLUSIVE);
        mightAlloc(Gfp.KERNEL);
        give();
        assertThat(findings.reports()).extracting(Report::kind)
                .containsExactly(Report.Kind.REENTRY);
        assertThat(findings.reports().get(0).wanted().name()).isEqualTo("index");
    }

    /// Reclaim runs with no reclaim of its own; the scope that matters is the program's.
    @Test
    void aReportFromInsideReclaimTellsTheProgramsScope() {
        shrinkers.add("careless", new Waiting(), null);
        take(Mode.EXCLUSIVE);
        try (MemallocScope _ = MemallocScope.noFs(HANDLE)) {
            mightAlloc(Gfp.KERNEL);
        }
        give();
        assertThat(findings.reports().get(0).kind()).isEqualTo(Report.Kind.REENTRY);
        assertThat(TextReport.of(findings.reports().get(0))).contains("Scope in force: "
                + "NOFS scope 'journal handle' (ForcedReclaimTest:", "; NORECLAIM inside Polder");
        assertThat(findings.reports().get(0).scope()).doesNotContain("no scope");
    }

    @Test
    void aReportFromInsideReclaimTellsThatTheProgramHasNoScope() {
        shrinkers.add("careless", new Waiting(), null);
        take(Mode.EXCLUSIVE);
        mightAlloc(Gfp.KERNEL);
        give();
        assertThat(findings.reports().get(0).scope())
                .isEqualTo("no scope of the program; NORECLAIM inside Polder");
    }

    @Test
    void aShrinkerThatTriesIsSilent() {
        shrinkers.add("careful", new Careful(), null);
        for (int i = 0; i < 3; i++) {
            mightAlloc(Gfp.KERNEL);
            take(Mode.EXCLUSIVE);
            mightAlloc(Gfp.KERNEL);
            give();
        }
        assertThat(scans).isPositive();
        assertThat(findings.reports()).isEmpty();
    }

    @Test
    void anExcludedDomainIsNotScannedAndNotTaken() {
        shrinkers.add("store", new Waiting(), store);
        mightAlloc(Gfp.KERNEL);
        int before = scans;
        take(Mode.EXCLUSIVE);
        try (MemallocScope _ = MemallocScope.excluding(store, HANDLE)) {
            mightAlloc(Gfp.KERNEL);
        }
        assertThat(scans).isEqualTo(before);
        assertThat(findings.reports()).isEmpty();
        mightAlloc(Gfp.KERNEL); // without the exclusion
        give();
        assertThat(findings.reports()).isNotEmpty();
        assertThat(findings.reports().get(0).wanted().name())
                .isEqualTo("fs_reclaim of domain 'store'");
    }

    @Test
    void aDomainSeenAfterTheAllocationIsTakenAllTheSame() {
        take(Mode.EXCLUSIVE);
        FsReclaim.mightAlloc(Gfp.KERNEL);
        give();
        shrinkers.add("store", new Waiting(), store);
        mightAlloc(Gfp.KERNEL);
        assertThat(findings.reports()).singleElement().extracting(r -> r.against().lock().name())
                .isEqualTo("fs_reclaim of domain 'store'");
    }

    /// Inside any exclusion no shrinker may wait, so one that obeys cannot deadlock, whoever's it
    /// is; nor can one that waits only where it may.
    @Test
    void insideAnExclusionNoOtherDomainIsWaitedFor() {
        shrinkers.add("other", new Polite(), ReclaimDomain.of("other"));
        shrinkers.add("no domain", new Polite(), null);
        mightAlloc(Gfp.KERNEL);
        take(Mode.EXCLUSIVE);
        try (MemallocScope _ = MemallocScope.excluding(store, HANDLE)) {
            mightAlloc(Gfp.KERNEL);
        }
        assertThat(findings.reports()).isEmpty();
        mightAlloc(Gfp.KERNEL); // without the exclusion
        give();
        assertThat(findings.reports()).isNotEmpty();
    }

    /// Reclaim for one pool calls no shrinker of another.
    @Test
    void aLockThatOnlyTheOtherPoolsReclaimTakes() {
        HandRun other = new HandRun("other");
        other.add("store", new Waiting(), store);
        FsReclaim.mightAlloc(Gfp.KERNEL, other); // teaches
        take(Mode.EXCLUSIVE);
        mightAlloc(Gfp.KERNEL);
        FsReclaim.mightAlloc(Gfp.KERNEL, new HandRun("a third"));
        assertThat(findings.reports()).isEmpty();
        FsReclaim.mightAlloc(Gfp.KERNEL, other);
        give();
        assertThat(findings.reports()).extracting(r -> r.wanted().name()).startsWith(
                "fs_reclaim of domain 'store' in pool 'other'");
    }

    /// Two pools, two locks: each pool's reclaim takes a lock over which the other is asked.
    @Test
    void aCycleThroughTheReclaimOfTwoPoolsIsFound() {
        HandRun first = new HandRun("first");
        first.add("careless", new Waiting(), null);
        FsReclaim.mightAlloc(Gfp.KERNEL, first);
        HandRun second = new HandRun("second");
        ReentrantLock inner = new ReentrantLock();
        engine.name(inner, "inner");
        FsReclaim.acquire(Gfp.KERNEL, second);
        engine.acquire(inner, Mode.EXCLUSIVE, 0);
        engine.release(inner);
        FsReclaim.release(Gfp.KERNEL, second);
        take(Mode.EXCLUSIVE);
        FsReclaim.mightAlloc(Gfp.KERNEL, second);
        give();
        assertThat(findings.reports()).isEmpty();
        engine.acquire(inner, Mode.EXCLUSIVE, 0);
        FsReclaim.mightAlloc(Gfp.KERNEL, first);
        engine.release(inner);
        assertThat(findings.reports()).isNotEmpty();
        assertThat(findings.reports().get(0).chain()).hasSize(4);
    }

    @Test
    void theAdvisorNamesAScopeThatProtectsNothingAndNotOneThatDoes() {
        ReentrantLock other = new ReentrantLock();
        engine.name(other, "other");
        for (int i = 0; i < 10; i++) {
            engine.acquire(other, 0, 0);
            try (MemallocScope _ = MemallocScope.noFs(HANDLE)) {
                mightAlloc(Gfp.KERNEL);
            }
            engine.release(other);
        }
        assertThat(advisor.advice()).extracting(Advice::kind).containsExactly(
                Advice.Kind.SCOPE_PROTECTS_NOTHING, Advice.Kind.ONE_ALLOCATION_IN_SCOPE);
        assertThat(advisor.advice().get(0).place()).contains("journal handle");
        assertThat(advisor.advice().get(0).allocations()).isEqualTo(10);
        FsReclaim.acquire(Gfp.KERNEL); // reclaim does need that lock
        engine.acquire(other, 0, 0);
        engine.release(other);
        FsReclaim.release(Gfp.KERNEL);
        assertThat(advisor.advice()).extracting(Advice::kind)
                .containsExactly(Advice.Kind.ONE_ALLOCATION_IN_SCOPE);
    }

    @Test
    void theAdvisorJoinsMasksUnderOneLock() {
        take(Mode.EXCLUSIVE);
        FsReclaim.mightAlloc(Gfp.NOFS);
        FsReclaim.mightAlloc(Gfp.NOIO);
        give();
        assertThat(advisor.advice()).extracting(Advice::kind)
                .contains(Advice.Kind.MASKS_UNDER_ONE_LOCK, Advice.Kind.MASK_PROTECTS_NOTHING);
    }
}
