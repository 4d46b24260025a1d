package dev.polder.task;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.gfp.CleanScopes;
import dev.polder.gfp.HeardEvents;
import dev.polder.gfp.MemallocScope;
import dev.polder.gfp.ScopeSite;
import dev.polder.gfp.Threads;
import dev.polder.testkit.Row;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;

@ExtendWith(CleanScopes.class)
class TaskTest {
    private static final ScopeSite SITE = ScopeSite.of("task test");

    @RegisterExtension
    private final HeardEvents events = new HeardEvents();

    private final Task task = Task.current();

    @Test
    @Row("B1")
    void tokensAreTheBitsNewlySet() {
        int outer = task.saveFlags(Task.NOFS | Task.NORECLAIM);
        assertThat(outer).isEqualTo(Task.NOFS | Task.NORECLAIM);
        int inner = task.saveFlags(Task.NOFS | Task.NOIO);
        assertThat(inner).isEqualTo(Task.NOIO);
        task.restoreFlags(inner);
        assertThat(task.flags()).isEqualTo(outer);
        assertThat(task.describeScopes()).isEqualTo("NOFS|NORECLAIM inside Polder");
        task.restoreFlags(outer);
        assertThat(task.flags()).isZero();
    }

    @Test
    @Row("B9")
    void reclaimRunsInsideANoreclaimScope() {
        assertThat(task.inReclaim()).isFalse();
        int token = task.enterReclaim();
        assertThat(task.inReclaim()).isTrue();
        assertThat(task.flags()).isEqualTo(Task.NORECLAIM);
        assertThatThrownBy(task::enterReclaim)
                .isInstanceOf(IllegalStateException.class).hasMessageContaining("R3");
        task.leaveReclaim(token);
        assertThat(task.inReclaim()).isFalse();
        assertThat(task.flags()).isZero();
        assertThatThrownBy(() -> task.leaveReclaim(token))
                .isInstanceOf(IllegalStateException.class);
    }

    @Test
    @Row("B9")
    void reclaimInsideANoreclaimScopeLeavesItStanding() {
        try (MemallocScope scope = MemallocScope.noReclaim(SITE)) {
            int token = task.enterReclaim();
            task.leaveReclaim(token);
            assertThat(task.flags()).isEqualTo(Task.NORECLAIM);
        }
    }

    @Test
    void whatIsAskedInReclaimHasAPatienceAndFailuresOfItsOwn() {
        assertThat(task.patienceNanos(100)).isZero();
        task.failedRequest().set(3, 0, 7, 0, 0);
        int token = task.enterReclaim();
        assertThat(task.patienceNanos()).isZero();
        assertThat(task.failedRequest().order()).isEqualTo(-1);
        task.patienceNanos(20);
        task.spendPatience(30);
        assertThat(task.outOfPatience()).isTrue();
        task.failedRequest().set(0, 0, 1, 0, 0);
        task.leaveReclaim(token);
        assertThat(task.patienceNanos(0)).isEqualTo(100);
        assertThat(task.failedRequest().order()).isEqualTo(3);
        task.failedRequest().clear();
    }

    @Test
    void progressIsCountedPerThread() throws Exception {
        long before = task.reclaimed();
        task.addReclaimed(3);
        Threads.on(() -> {
            Task.current().addReclaimed(100);
            return Task.current().reclaimed();
        });
        assertThat(task.reclaimed() - before).isEqualTo(3);
    }

    @Test
    void eachPoolHasASlotPerThread() throws Exception {
        Heard mine = new Heard();
        Heard first = new Heard();
        task.poolState(5, mine);
        task.poolState(0, first);
        assertThat(task.poolState(5)).isSameAs(mine);
        assertThat(task.poolState(0)).isSameAs(first);
        assertThat(task.poolState(4)).isNull();
        assertThat(task.poolState(500)).isNull();
        assertThat(Threads.on(() -> Task.current().poolState(5) == null)).isTrue();
        task.poolState(5, null);
        task.poolState(0, null);
        assertThat(task.poolState(5)).isNull();
    }

    @Test
    void poolsHearWhenTheThreadIsInReclaimOrInAGroupAndWhenItIsInNeither() {
        Heard pool = new Heard();
        task.poolState(1, pool);
        try {
            int token = task.enterReclaim();
            task.group("group");
            task.leaveReclaim(token);
            task.group("another");
            assertThat(task.isApart()).isTrue();
            task.group(null);
            assertThat(task.isApart()).isFalse();
            task.group("again");
            task.group(null);
        } finally {
            task.poolState(1, null);
        }
        assertThat(pool.words).containsExactly(true, false, true, false);
    }

    /// A pool that notes what it hears.
    private static final class Heard extends PoolState {
        final List<Boolean> words = new ArrayList<>();

        @Override
        protected void apart(boolean on) {
            words.add(on);
        }
    }

    @Test
    void exclusionsAreCountedBySite() {
        Object domain = "domain";
        Object other = new Object();
        task.exclude(domain, SITE);
        task.exclude(domain, SITE);
        task.exclude(domain, other);
        task.unexclude(domain, SITE);
        task.unexclude(domain, other);
        assertThat(task.excludes(domain)).isTrue();
        task.unexclude(domain, SITE);
        assertThat(task.excludesAny()).isFalse();
        assertThatThrownBy(() -> task.unexclude(domain, SITE))
                .isInstanceOf(IllegalStateException.class).hasMessageContaining("domain");
    }

    @Test
    void aThreadWithTooManyExclusionsIsStopped() {
        Object[] domains = new Object[Exclusions.LIMIT];
        for (int i = 0; i < domains.length; i++) {
            domains[i] = new Object();
            task.exclude(domains[i], SITE);
        }
        assertThatThrownBy(() -> task.exclude("one more", SITE))
                .isInstanceOf(IllegalStateException.class).hasMessageContaining("4096");
        task.exclude(domains[7], SITE); // a held one may still be entered again
        task.unexclude(domains[7], SITE);
        for (Object domain : domains) { // oldest first, as a queue would
            assertThat(task.excludes(domain)).isTrue();
            task.unexclude(domain, SITE);
            assertThat(task.excludes(domain)).isFalse();
        }
        assertThat(task.excludesAny()).isFalse();
    }

    @Test
    void aTaskKnowsItsThread() throws Exception {
        assertThat(task.thread()).isSameAs(Thread.currentThread());
        assertThat(task.isVirtual()).isFalse();
        assertThat(task.ended()).isFalse();
        Task dead = Threads.on(Task::current);
        assertThat(dead.ended()).isTrue();
        assertThat(dead).isNotSameAs(task);
    }

    @Test
    @Tag("newer-java")
    void aTaskKnowsThatItsThreadIsVirtual() throws Exception {
        assertThat(Threads.on(true, () -> Task.current().isVirtual())).isTrue();
    }

    @Test
    void aScopeOpenForTooLongIsReportedOnce() throws Exception {
        long now = System.nanoTime();
        long minute = TimeUnit.SECONDS.toNanos(TaskReaper.TOO_LONG_SECONDS);
        try (MemallocScope scope = MemallocScope.noFs(SITE)) {
            TaskReaper.reap(now);
            TaskReaper.reap(now + minute - 1);
            assertThat(events.all()).isEmpty();
            TaskReaper.reap(now + minute);
            TaskReaper.reap(now + 2 * minute);
            assertThat(events.all()).singleElement().asString()
                    .startsWith("open ").contains("NOFS scope " + SITE);
        }
        try (MemallocScope scope = MemallocScope.noFs(SITE)) {
            TaskReaper.reap(now + 3 * minute);
            assertThat(events.all()).as("another scope begins anew").hasSize(1);
        }
    }

    @Test
    void accessToShrinkControlIsInstalledOnce() {
        ShrinkAccess access = ShrinkAccess.get();
        assertThat(access).isSameAs(ShrinkAccess.get());
        assertThatThrownBy(() -> ShrinkAccess.install(access))
                .isInstanceOf(IllegalStateException.class);
    }
}
