package dev.polder.lockdep.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.lockdep.engine.Lockdep;
import dev.polder.lockdep.engine.ReclaimLevel;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.Test;

/// What a finding looks like, and what suppresses one.
class ReportTest {
    private static Findings inversion(Suppressions suppressions) {
        Lockdep engine = new Lockdep();
        Findings findings = new Findings(suppressions);
        engine.listener(findings);
        engine.scopes(() -> "NOIO scope 'holds the \"queue\"'");
        ReentrantLock index = new ReentrantLock();
        engine.name(index, "index lock");
        engine.reclaimEnter(ReclaimLevel.KERNEL);
        engine.acquire(index, 0, 0);
        engine.release(index);
        engine.reclaimLeave(ReclaimLevel.KERNEL);
        engine.acquire(index, 0, 0);
        engine.mightAlloc(ReclaimLevel.KERNEL, d -> false);
        engine.release(index);
        return findings;
    }

    @Test
    void theTextTellsAllOfIt() {
        Findings findings = inversion(Suppressions.none());
        assertThat(findings.reports()).hasSize(1);
        String text = findings.text();
        assertThat(text).contains("possible circular locking dependency   ["
                + findings.reports().get(0).id() + "]")
                .contains("asks for memory and may reclaim")
                .contains("(fs_reclaim) exclusive")
                .contains("(index lock @")
                .contains("-> #1", "-> #0")
                .contains("wanted while holding (fs_reclaim)")
                .contains("reclaims (fs_reclaim)")
                .contains("allocates (fs_reclaim)   <- waits for the other: DEADLOCK")
                .contains("1 held by")
                .contains("Scope in force: NOIO scope")
                .contains("at dev.polder.lockdep.report.ReportTest.inversion(ReportTest.java:");
    }

    @Test
    void theJsonIsWellFormedWhereItIsHard() {
        String json = JsonReport.of(inversion(Suppressions.none()));
        assertThat(json).startsWith("{\"version\":1,\"reports\":[{\"id\":\"")
                .contains("\\\"queue\\\"").endsWith("]}\n");
        assertThat(json.chars().filter(c -> c == '{').count())
                .isEqualTo(json.chars().filter(c -> c == '}').count());
    }

    @Test
    void aSuppressedFindingIsListedWithItsReasonAndAnUnusedEntryToo() {
        String id = inversion(Suppressions.none()).reports().get(0).id();
        Suppressions two = Suppressions.parse("s", List.of("# why", "",
                id + "  one thread only, ever", "00000000 nothing needs this entry"));
        Findings findings = inversion(two);
        assertThat(findings.reports()).isEmpty();
        assertThat(findings.suppressed()).hasSize(1);
        assertThat(findings.text()).contains("one thread only, ever")
                .contains("unused suppression 00000000").contains("0 reports, 1 suppressed");
    }

    @Test
    void anEntryNeedsAReason() {
        assertThatThrownBy(() -> Suppressions.parse("s", List.of("1a2b3c4d ok")))
                .hasMessageStartingWith("s:1: ").hasMessageContaining("needs a reason");
        assertThatThrownBy(() -> Suppressions.parse("s", List.of("xyz it is fine, really")))
                .hasMessageContaining("'xyz' is no id");
    }
}
