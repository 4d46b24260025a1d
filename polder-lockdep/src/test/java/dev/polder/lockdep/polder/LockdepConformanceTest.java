package dev.polder.lockdep.polder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import dev.polder.gfp.FsReclaim;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.Memalloc;
import dev.polder.lockdep.advisor.Advisor;
import dev.polder.lockdep.engine.Lockdep;
import dev.polder.lockdep.engine.Mode;
import dev.polder.lockdep.engine.Report;
import dev.polder.lockdep.report.Findings;
import dev.polder.lockdep.report.Suppressions;
import dev.polder.task.Task;
import dev.polder.testkit.FallsShort;
import dev.polder.testkit.Row;
import dev.polder.testkit.Truth;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/// The recordings of a kernel's lockdep, scenario by scenario, on Polder's own port; and the places
/// where that kernel is blind.
@Row({"K1", "K2", "K3", "K4", "K5"})
class LockdepConformanceTest {
    private static final String CYCLE = "WARNING: possible circular locking dependency detected";
    private static final String ATOMIC = "BUG: sleeping function called from invalid context";
    private static final String LEAK = "a scope that nobody closed";

    /// Rows where Linux is silent and Polder speaks, because Linux has no IO level (README 4) and
    /// does not notice a leaked scope (README 3). Reclaim that takes the lock without FS takes it
    /// just as well when FS is allowed, so what was taught inside a NOFS scope counts, too.
    private static final Map<String, String> BLIND = Map.of(
            "real_ioonly_NOFS", CYCLE,
            "fast_taught_in_nofs_scope", CYCLE,
            "scope_leak_exit", LEAK);

    private Lockdep engine = new Lockdep();
    private Findings findings = new Findings(Suppressions.none());
    private Object lock = new Object();
    private boolean leaked;
    private final Map<String, Runnable> scenarios = new HashMap<>();

    LockdepConformanceTest() {
        atomic();
        fast();
        scopes();
        real();
    }

    private void fresh() {
        engine = new Lockdep();
        findings = new Findings(Suppressions.none());
        lock = new Object();
        leaked = false;
        engine.listener(findings);
        engine.scopes(() -> Task.current().describeScopes());
        ForcedReclaim none = new ForcedReclaim(0);
        new PolderTracker(engine, new Advisor(engine), none, true).install();
    }

    @AfterEach
    void remove() {
        FsReclaim.install(null);
    }

    private void take() {
        engine.monitorEnter(lock, 0);
    }

    private void give() {
        engine.monitorExit(lock);
    }

    private void allocUnderLock(int gfp) {
        take();
        FsReclaim.mightAlloc(gfp);
        give();
    }

    /// "Reclaim takes the lock", without any memory being short.
    private void teach(int gfp) {
        FsReclaim.acquire(gfp);
        take();
        give();
        FsReclaim.release(gfp);
    }

    /// Reclaim that calls a shrinker that waits for the lock if its mask has the bit.
    private void reclaim(int gfp, int wants) {
        int effective = Memalloc.effective(gfp);
        FsReclaim.acquire(gfp);
        int token = Task.current().enterReclaim();
        FsReclaim.callbackEnter("shrinker", null, true);
        if (Gfp.has(effective, wants)) {
            take();
            FsReclaim.mightAlloc(Gfp.KERNEL); // memory for reclaim itself says nothing (K1)
            give();
        }
        FsReclaim.callbackLeave("shrinker", null);
        Task.current().leaveReclaim(token);
        FsReclaim.release(gfp);
    }

    private void atomic(int gfp) {
        engine.atomicEnter();
        FsReclaim.mightAlloc(gfp);
        engine.atomicLeave();
    }

    private void atomic() {
        scenarios.put("atomic_NOFS", () -> atomic(Gfp.NOFS));
        scenarios.put("atomic_NOWAIT", () -> atomic(Gfp.NOWAIT));
        scenarios.put("atomic_kernel", () -> atomic(Gfp.KERNEL));
        scenarios.put("atomic_nofs_scope", () -> inNofs(() -> atomic(Gfp.KERNEL)));
    }

    private void fast(String name, int gfp) {
        scenarios.put("fast_" + name, () -> {
            teach(Gfp.KERNEL);
            allocUnderLock(gfp);
        });
    }

    private void fast() {
        fast("ATOMIC", Gfp.ATOMIC);
        fast("FS_without_direct_reclaim", Gfp.KERNEL & ~Gfp.DIRECT_RECLAIM);
        fast("NOFAIL", Gfp.KERNEL | Gfp.NOFAIL);
        fast("NOFS", Gfp.NOFS);
        fast("NOLOCKDEP", Gfp.KERNEL | Gfp.NOLOCKDEP);
        fast("NOWAIT", Gfp.NOWAIT);
        fast("kernel", Gfp.KERNEL);
        fast("might_alloc", Gfp.KERNEL);
        // The requests that kvmalloc and vmalloc make have the mask of the call; that they do is
        // tested where they are.
        fast("kvmalloc8M_NOFS", Gfp.NOFS);
        fast("kvmalloc8M_kernel", Gfp.KERNEL);
        fast("vmalloc_NOFS", Gfp.NOFS);
        fast("vmalloc_NOIO", Gfp.NOIO);
        scenarios.put("fast_rwsem_read", () -> {
            FsReclaim.acquire(Gfp.KERNEL);
            engine.acquire(lock, Mode.SHARED, 0);
            engine.release(lock);
            FsReclaim.release(Gfp.KERNEL);
            engine.acquire(lock, Mode.SHARED, 0);
            FsReclaim.mightAlloc(Gfp.KERNEL);
            engine.release(lock);
        });
    }

    private static void inNofs(Runnable r) {
        int token = Memalloc.nofsSave();
        r.run();
        Memalloc.nofsRestore(token);
    }

    private void scopes() {
        scenarios.put("fast_nofs_scope", () -> {
            teach(Gfp.KERNEL);
            inNofs(() -> allocUnderLock(Gfp.KERNEL));
        });
        scenarios.put("fast_noreclaim_scope", () -> {
            teach(Gfp.KERNEL);
            int token = Memalloc.noreclaimSave();
            allocUnderLock(Gfp.KERNEL);
            Memalloc.noreclaimRestore(token);
        });
        scenarios.put("fast_scope_ended_early", () -> {
            teach(Gfp.KERNEL);
            take();
            inNofs(() -> FsReclaim.mightAlloc(Gfp.KERNEL));
            FsReclaim.mightAlloc(Gfp.KERNEL);
            give();
        });
        scenarios.put("fast_scope_nested_inner_restored", () -> {
            teach(Gfp.KERNEL);
            inNofs(() -> {
                inNofs(() -> {});
                allocUnderLock(Gfp.KERNEL);
            });
        });
        scenarios.put("fast_scope_nested_outer_first", () -> {
            teach(Gfp.KERNEL);
            int outer = Memalloc.nofsSave();
            int inner = Memalloc.nofsSave();
            Memalloc.nofsRestore(outer);
            allocUnderLock(Gfp.KERNEL);
            Memalloc.nofsRestore(inner);
        });
        scenarios.put("fast_taught_in_nofs_scope", () -> {
            inNofs(() -> teach(Gfp.KERNEL));
            allocUnderLock(Gfp.KERNEL);
        });
        scenarios.put("scope_leak_exit", () -> {
            Task.reap();
            Thread t = new Thread(Memalloc::nofsSave);
            t.start();
            try {
                t.join();
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
            leaked = Task.reap() == 1;
        });
    }

    private void real() {
        scenarios.put("real_fsonly_NOFS", () -> {
            reclaim(Gfp.KERNEL, Gfp.FS);
            take();
            reclaim(Gfp.NOFS, Gfp.FS);
            FsReclaim.mightAlloc(Gfp.NOFS);
            give();
        });
        scenarios.put("real_fsonly_nofs_scope", () -> {
            reclaim(Gfp.KERNEL, Gfp.FS);
            inNofs(() -> allocUnderLock(Gfp.KERNEL));
        });
        scenarios.put("real_ioonly_NOFS", () -> {
            reclaim(Gfp.NOFS, Gfp.IO);
            allocUnderLock(Gfp.NOFS);
        });
        scenarios.put("real_kernel", () -> {
            reclaim(Gfp.KERNEL, Gfp.FS);
            allocUnderLock(Gfp.KERNEL);
        });
        scenarios.put("real_kernel_alloc_first", () -> {
            allocUnderLock(Gfp.KERNEL);
            reclaim(Gfp.KERNEL, Gfp.FS);
        });
    }

    @TestFactory
    Stream<DynamicTest> everyRecordedScenario() {
        assertThat(Truth.rows("lockdep.csv")).hasSize(scenarios.size());
        return Truth.rows("lockdep.csv").stream().map(row -> dynamicTest(name(row), () -> {
            fresh();
            run(name(row));
            String expected = BLIND.getOrDefault(name(row), row.get("report"));
            assertThat(verdict()).isEqualTo(expected);
            assertThat(engine.held().depth()).isZero();
        }));
    }

    private static String name(Map<String, String> row) {
        return row.getOrDefault("scenario", "");
    }

    private void run(String name) {
        Runnable scenario = scenarios.get(name);
        if (scenario == null) {
            throw new AssertionError("no scenario " + name);
        }
        scenario.run();
    }

    private String verdict() {
        if (leaked) {
            return LEAK;
        }
        if (findings.reports().isEmpty()) {
            return "none";
        }
        assertThat(findings.reports()).hasSize(1);
        return findings.reports().get(0).kind() == Report.Kind.BLOCKING ? ATOMIC : CYCLE;
    }

    @Test
    @Row("K6")
    @FallsShort("4")
    void theBlindSpotIsReportedAtTheLevelOfIo() {
        fresh();
        run("real_ioonly_NOFS");
        assertThat(findings.reports().get(0).wanted().name()).isEqualTo("io_reclaim of no domain");
    }

    /// README 5: an endless wait under NOFS. The wait is a lock, so the one that must run on for
    /// memory to come free is caught when it needs what the waiter holds.
    @Test
    @FallsShort("5")
    void anEndlessWaitUnderNofsIsSeenFromItsTwoHalves() {
        fresh();
        inNofs(() -> {
            take();
            FsReclaim.waitBegin("pool", Gfp.KERNEL);
            FsReclaim.waitEnd("pool");
            give();
        });
        assertThat(findings.reports()).isEmpty();
        engine.owes(engine.memory("pool"));
        take();
        give();
        engine.settled(engine.memory("pool"));
        assertThat(findings.reports()).hasSize(1);
        assertThat(findings.reports().get(0).chain().get(0).scope()).contains("NOFS");
    }

    /// A program says at its start what its reclaim takes; the first request under that lock is
    /// reported although no memory was ever short.
    @Test
    @Row("K8")
    void aProgramMayTeachAtItsStartWhatReclaimTakes() {
        fresh();
        teach(Gfp.KERNEL);
        assertThat(findings.reports()).isEmpty();
        allocUnderLock(Gfp.KERNEL);
        assertThat(findings.reports()).hasSize(1);
    }

    @Test
    @Row("K7")
    void aScopeOpenedBetweenEnterAndLeaveUnbalancesNothing() {
        fresh();
        FsReclaim.acquire(Gfp.KERNEL);
        int token = Memalloc.nofsSave();
        FsReclaim.release(Gfp.KERNEL);
        Memalloc.nofsRestore(token);
        assertThat(engine.held().depth()).isZero();
        allocUnderLock(Gfp.KERNEL);
        assertThat(findings.reports()).isEmpty();
    }

    @Test
    void afterAReportItGoesOn() {
        fresh();
        run("fast_kernel");
        lock = new int[1];
        run("fast_kernel");
        assertThat(findings.reports()).hasSize(2);
    }
}
