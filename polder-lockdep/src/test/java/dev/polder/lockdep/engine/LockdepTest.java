package dev.polder.lockdep.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.lockdep.report.Findings;
import dev.polder.lockdep.report.Suppressions;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.concurrent.locks.StampedLock;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// The graph of lock order on one thread, with nothing that hangs.
class LockdepTest {
    private final Lockdep engine = new Lockdep();
    private final Findings findings = new Findings(Suppressions.none());

    private final Object a = named("A");
    private final Object b = named("B");
    private final Object c = named("C");

    LockdepTest() {
        engine.listener(findings);
    }

    private Object named(String name) {
        ReentrantLock lock = new ReentrantLock();
        engine.name(lock, name);
        return lock;
    }

    @AfterEach
    void heldIsConsistent() {
        engine.held().verify();
    }

    private void take(Object... locks) {
        for (Object lock : locks) {
            engine.acquire(lock, Mode.EXCLUSIVE, 0);
        }
    }

    private void give(Object... locks) {
        for (Object lock : locks) {
            engine.release(lock);
        }
    }

    private Report only() {
        assertThat(findings.reports()).hasSize(1);
        return findings.reports().get(0);
    }

    @Test
    void anInversionIsReportedThoughNothingHangs() {
        take(a, b);
        give(b, a);
        take(b, a);
        Report r = only();
        assertThat(r.kind()).isEqualTo(Report.Kind.CYCLE);
        assertThat(r.wanted().name()).isEqualTo("A");
        assertThat(r.against().lock().name()).isEqualTo("B");
        assertThat(r.instances()).isEqualTo(Report.Instances.SAME);
        assertThat(r.chain()).extracting(Edge::toString).containsExactly("A -> B", "B -> A");
        assertThat(r.chain().get(0).stack().get(0).getClassName()).isEqualTo(getClass().getName());
        give(a, b);
    }

    @Test
    void theSameOrderIsSilent() {
        for (int i = 0; i < 3; i++) {
            take(a, b, c);
            give(c, b, a);
            take(a, c);
            give(a, c); // not last in, first out
        }
        assertThat(findings.reports()).isEmpty();
        assertThat(engine.held().depth()).isZero();
    }

    /// What a place and a thread remember must never stand for something else.
    @Test
    void aPlaceThatTakesManyLocksTakesEachForWhatItIs() {
        Object[] many = {a, b, c, new Object(), "", new ReentrantLock()};
        for (int round = 0; round < 3; round++) {
            for (Object outer : many) {
                engine.acquire(outer, Mode.EXCLUSIVE, 1);
                assertThat(engine.holds(outer)).isTrue();
                engine.held().verify();
                engine.release(outer);
                assertThat(engine.held().depth()).isZero();
            }
        }
        assertThat(findings.reports()).isEmpty();
        engine.acquire(a, Mode.EXCLUSIVE, 1);
        engine.acquire(b, Mode.EXCLUSIVE, 1);
        give(b, a);
        engine.acquire(b, Mode.EXCLUSIVE, 1);
        engine.acquire(a, Mode.EXCLUSIVE, 1);
        assertThat(only().chain()).extracting(Edge::toString).containsExactly("A -> B", "B -> A");
        give(a, b);
    }

    @Test
    void aNestThatIsKnownHidesNoOtherInstanceAndNoOtherMode() {
        Object first = named("N");
        Object second = named("N");
        for (int i = 0; i < 3; i++) {
            take(a, first, b);
            give(b, first, a);
        }
        take(a, first, second);
        give(second, first, a);
        take(a, second, first);
        assertThat(only().kind()).isEqualTo(Report.Kind.INVERSION);
        give(first, second, a);
        take(b);
        engine.acquire(first, Mode.TRY, 0); // tried: no edge, however often
        give(first, b);
        take(b);
        engine.acquire(first, Mode.TRY, 0);
        give(first, b);
        assertThat(findings.reports()).hasSize(1);
        take(b, first);
        assertThat(findings.reports()).hasSize(2);
        give(first, b);
    }

    @Test
    void aCycleThroughThreeIsFound() {
        take(a, b);
        give(b, a);
        take(b, c);
        give(c, b);
        take(c, a);
        assertThat(only().chain()).hasSize(3);
        give(a, c);
    }

    @Test
    void oneBugIsToldOnceAndTheCheckerGoesOn() {
        for (int i = 0; i < 3; i++) {
            take(a, b);
            give(b, a);
            take(b, a);
            give(a, b);
        }
        assertThat(findings.reports()).hasSize(1);
        take(c, a);
        give(a, c);
        take(a, c);
        give(c, a);
        assertThat(findings.reports()).hasSize(2);
    }

    @Test
    void theIdDoesNotDependOnWhichHalfComesFirst() {
        take(a, b);
        give(b, a);
        take(b, a);
        give(a, b);
        Lockdep other = new Lockdep();
        Findings there = new Findings(Suppressions.none());
        other.listener(there);
        Object a2 = new ReentrantLock();
        Object b2 = new ReentrantLock();
        other.name(b2, "B");
        other.name(a2, "A");
        other.acquire(b2, 0, 0);
        other.acquire(a2, 0, 0);
        other.release(a2);
        other.release(b2);
        other.acquire(a2, 0, 0);
        other.acquire(b2, 0, 0);
        assertThat(there.reports()).hasSize(1);
        assertThat(there.reports().get(0).id()).isEqualTo(only().id());
    }

    @Test
    void aTriedLockAddsNoEdgeIntoItselfButHolds() {
        take(a);
        engine.acquire(b, Mode.TRY, 0);
        give(b, a);
        take(b, a); // the other order: no cycle, because nobody ever waited for b under a
        give(a, b);
        assertThat(findings.reports()).isEmpty();
        engine.acquire(a, Mode.TRY, 0);
        take(b); // waits for b under a: that is an edge
        give(b, a);
        only();
    }

    @Test
    void olderLocksAreSeenThroughTriedOnes() {
        take(a);
        engine.acquire(b, Mode.TRY, 0);
        take(c);
        give(c, b, a);
        take(c, a);
        assertThat(only().chain()).extracting(Edge::toString).containsExactly("A -> C", "C -> A");
        give(a, c);
    }

    @Test
    void reentranceHidesNoEdge() {
        take(a, a, b);
        give(b, a); // still held once
        take(c);
        give(c, a);
        take(b, a);
        assertThat(findings.reports()).hasSize(1);
        give(a, b);
        take(c, a);
        assertThat(findings.reports()).hasSize(2);
        give(a, c);
    }

    @Test
    void reentranceIsNoCycle() {
        take(a, b, a);
        give(a, b, a);
        take(a, b);
        give(b, a);
        assertThat(findings.reports()).isEmpty();
    }

    @Test
    void twoOfAClassInBothOrdersAreAnInversionOfTheirOwn() {
        Object a2 = named("A");
        take(a, a2);
        give(a2, a);
        take(a, a2);
        give(a2, a);
        assertThat(findings.reports()).isEmpty();
        take(a2, a);
        give(a, a2);
        Report r = only();
        assertThat(r.kind()).isEqualTo(Report.Kind.INVERSION);
        assertThat(r.chain()).hasSize(2);
    }

    /// Two of a class in the program's own order, with another lock between them: harmless as long
    /// as nobody goes from the inner of the two to the lock between, and that cannot be seen here.
    @Test
    void aNestThroughAnotherLockIsReportedForItsTwin() {
        Object inner = named("A");
        take(a, b, inner);
        give(inner, b, a);
        assertThat(only().instances()).isEqualTo(Report.Instances.DIFFERENT);
        take(inner, b); // the twin: from here on two threads can wait for each other
        give(b, inner);
        assertThat(findings.reports()).hasSize(1);
    }

    /// A try waits for nobody, so the order in which it found the two says nothing.
    @Test
    void twoOfAClassThatAreTriedAreNoInversion() {
        Object a2 = named("A");
        take(a);
        engine.acquire(a2, Mode.TRY, 0);
        give(a2, a);
        take(a2);
        engine.acquire(a, Mode.TRY, 0);
        give(a, a2);
        take(a2, a);
        give(a, a2);
        assertThat(findings.reports()).isEmpty();
        take(a, a2);
        give(a2, a);
        assertThat(only().kind()).isEqualTo(Report.Kind.INVERSION);
    }

    @Test
    void differentObjectsOfTheSameClassesAreToldApart() {
        take(a, b);
        give(b, a);
        take(named("B"), named("A"));
        assertThat(only().instances()).isEqualTo(Report.Instances.DIFFERENT);
    }

    @Test
    void readersCountForTheOrder() {
        ReentrantReadWriteLock rw = new ReentrantReadWriteLock();
        engine.name(rw, "RW");
        take(rw.readLock(), a);
        give(a, rw.readLock());
        take(a, rw.readLock());
        assertThat(only().wantedMode()).isEqualTo("shared");
        give(rw.readLock(), a);
    }

    @Test
    void anUpgradeWaitsForItself() {
        ReentrantReadWriteLock rw = new ReentrantReadWriteLock();
        engine.name(rw, "RW");
        take(rw.writeLock(), rw.readLock());
        give(rw.writeLock(), rw.readLock());
        assertThat(findings.reports()).isEmpty();
        take(rw.readLock(), rw.readLock());
        give(rw.readLock());
        assertThat(findings.reports()).isEmpty();
        take(rw.writeLock());
        assertThat(only().kind()).isEqualTo(Report.Kind.SELF_DEADLOCK);
    }

    @Test
    void aStampedLockIsNotReentrant() {
        StampedLock stamped = new StampedLock();
        engine.name(stamped, "S");
        engine.acquire(stamped, Mode.NOT_REENTRANT, 0);
        engine.acquire(stamped, Mode.NOT_REENTRANT | Mode.TRY, 0);
        assertThat(findings.reports()).isEmpty();
        engine.acquire(stamped, Mode.NOT_REENTRANT, 0);
        assertThat(only().kind()).isEqualTo(Report.Kind.SELF_DEADLOCK);
    }

    @Test
    void aWaitGivesTheLockUpAndTakesItAgainUnderTheRest() {
        engine.condition(a, "condition", 0);
        take(a, a, b);
        int times = engine.waitBegin("condition", false);
        assertThat(times).isEqualTo(2);
        assertThat(engine.held().depth()).isEqualTo(1);
        engine.waitEnd("condition", false, times, 0); // wants a again while b is held
        assertThat(only().chain()).extracting(Edge::toString).containsExactly("A -> B", "B -> A");
        give(b, a);
        assertThat(engine.holds(a)).isTrue();
        give(a);
        assertThat(engine.held().depth()).isZero();
    }

    @Test
    void monitorsAreClassedByClassAndJdkObjectsByField() {
        int site = engine.sites().add(new Sites.Site("X", "m", 3, "X.lock", 0));
        int other = engine.sites().add(new Sites.Site("Y", "m", 3, "Y.lock", 0));
        Object plain = new Object();
        engine.monitorEnter(plain, site);
        engine.monitorEnter(this, 0);
        engine.monitorExit(this);
        engine.monitorExit(plain);
        engine.monitorEnter(plain, other); // the first name sticks
        assertThat(engine.heldClasses()).extracting(LockClass::name).containsExactly("X.lock");
        engine.monitorExit(plain);
        engine.monitorEnter(this, 0);
        engine.monitorEnter(plain, site);
        assertThat(only().chain()).extracting(Edge::toString)
                .containsExactly("X.lock -> " + getClass().getName(),
                        getClass().getName() + " -> X.lock");
        engine.monitorExit(plain);
        engine.monitorExit(this);
    }

    @Test
    void aReleaseWithoutAnAcquisitionIsPassedOver() {
        give(a);
        take(b);
        give(a, b, b);
        assertThat(engine.held().depth()).isZero();
    }

    @Test
    void deepNestingAndManyClassesHaveNoLimit() {
        int n = 300;
        Object[] many = new Object[n];
        for (int i = 0; i < n; i++) {
            many[i] = named("L" + i);
        }
        take(many);
        engine.held().verify();
        assertThat(engine.held().depth()).isEqualTo(n);
        give(many);
        for (int i = 1; i < n; i++) {
            take(many[0], many[i]);
            give(many[i], many[0]);
        }
        assertThat(findings.reports()).isEmpty();
        take(many[n - 1], many[0]);
        only();
        give(many[0], many[n - 1]);
    }

    @Test
    void aVirtualThreadHasItsOwnStack() throws InterruptedException {
        take(a);
        Thread t = Thread.ofVirtual().start(() -> {
            assertThat(engine.held().depth()).isZero();
            take(b);
            give(b);
        });
        t.join();
        give(a);
        assertThat(engine.edges()).isEmpty();
    }

    @Test
    void waitingForMemoryIsALock() {
        LockClass memory = engine.memory("pool");
        take(a);
        engine.waitFor(memory);
        give(a);
        assertThat(findings.reports()).isEmpty();
        engine.owes(memory);
        take(a); // the one who must run for memory to be freed needs what the waiter holds
        assertThat(only().chain()).extracting(Edge::toString)
                .containsExactly("A -> memory of pool", "memory of pool -> A");
        give(a);
        engine.settled(memory);
    }

    @Test
    void aListenerThatTakesLocksIsNotWatched() {
        engine.listener(r -> {
            take(c);
            give(c);
            findings.found(r);
        });
        take(a, b);
        give(b, a);
        take(b, a);
        give(a, b);
        only();
        assertThat(engine.edges()).extracting(Edge::toString)
                .containsExactlyInAnyOrderElementsOf(List.of("A -> B", "B -> A"));
    }

    /// A canary: without the edge that the search needs, the deadlock planted above is not found.
    /// Who breaks the engine so that it no longer adds edges fails the other tests, not only this
    /// one.
    @Test
    void withoutTheSecondHalfThereIsNothingToFind() {
        take(a, b);
        give(b, a);
        take(b);
        give(b);
        take(a);
        give(a);
        assertThat(findings.reports()).isEmpty();
    }
}
