package dev.polder.lockdep.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.gfp.FsReclaim;
import dev.polder.lockdep.advisor.Advisor;
import dev.polder.lockdep.engine.Edge;
import dev.polder.lockdep.engine.Hooks;
import dev.polder.lockdep.engine.Report;
import dev.polder.lockdep.polder.ForcedReclaim;
import dev.polder.lockdep.polder.PolderTracker;
import dev.polder.lockdep.report.Findings;
import dev.polder.lockdep.report.Suppressions;
import dev.polder.lockdep.rules.Rule;
import dev.polder.lockdep.rules.RulePack;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Each of the museum's programs, on one thread: the faulty one is reported with the right locks,
/// its mended twin is not. See `docs/museum.md`.
class MuseumTest {
    private static final String MUSEUM = "dev.polder.museum.";

    private final Findings findings = new Findings(Suppressions.none());

    @BeforeEach
    void join() {
        Hooks.ENGINE.listener(findings);
        Advisor advisor = new Advisor(Hooks.ENGINE);
        new PolderTracker(Hooks.ENGINE, advisor, new ForcedReclaim(0), false).install();
    }

    @AfterEach
    void leave() {
        FsReclaim.install(null);
        Hooks.ENGINE.listener(r -> {});
        assertThat(Hooks.failures()).as(Hooks.firstFailure()).isZero();
        assertThat(Hooks.ENGINE.held().depth()).isZero();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "Cassandra21019 | CYCLE         | Cassandra21019$Bug.shard, memory of the faulty memtables,"
                + " older writes, faulty",
        "Spark49133     | CYCLE         | Spark49133$BugConsumer, Spark49133$BugManager",
        "Flink9676      | CYCLE         | Flink9676$Bug.queue, Flink9676$Bug.segments",
        "Ignite10298    | CYCLE         | Ignite10298$Bug.checkpoint, Ignite10298$Bug.meta",
        "Caffeine1728   | CYCLE         | Caffeine1728$Bug.eviction, Caffeine1728$BugEntry",
        "Druid3819      | SELF_DEADLOCK | merge buffers, faulty",
        "Velox10975     | CYCLE         | faulty spill tasks, fs_reclaim"})
    void theBugIsReportedAndItsTwinIsSilent(String exhibit, Report.Kind kind, String locks)
            throws IOException {
        WovenLoader loader = new WovenLoader(MUSEUM, rules());
        loader.run(MUSEUM + exhibit + "$Mended");
        assertThat(findings.reports()).isEmpty();
        loader.run(MUSEUM + exhibit + "$Bug");
        assertThat(findings.reports()).isNotEmpty();
        Report report = findings.reports().get(0);
        assertThat(report.kind()).isEqualTo(kind);
        assertThat(names(report)).isEqualTo(locks);
    }

    private static String names(Report report) {
        Set<String> names = new TreeSet<>();
        for (Edge e : report.chain()) {
            names.add(e.from().name());
        }
        names.add(report.wanted().name());
        return String.join(", ", names).replace(MUSEUM, "");
    }

    private static List<Rule> rules() throws IOException {
        try (InputStream in = MuseumTest.class.getResourceAsStream("/museum/museum.rules")) {
            if (in == null) {
                throw new IllegalStateException("the museum's rules are missing");
            }
            String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
            return RulePack.parse("museum", text.lines().toList());
        }
    }
}
