package dev.polder.cli.report;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.cli.json.Json;
import dev.polder.cli.trace.Phase;
import java.io.IOException;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class ReportsTest {

    private static final String CHAIN = "Thread <a> waits for 'x' & y";

    @Test
    void theJsonFileHasExactlyTheKeysThatWerePromised() throws IOException {
        Map<String, @Nullable Object> root = Json.parse(JsonFile.text(outcome(true)));
        assertThat(root.keySet()).containsExactly("budgetBytes", "inputBytes", "seed", "seconds",
                "jdk", "cpus", "policies");
        assertThat(root).containsEntry("budgetBytes", 96L << 20).containsEntry("seconds", 15L);
        List<?> policies = (List<?>) Objects.requireNonNull(root.get("policies"));
        assertThat(policies).hasSize(3).allSatisfy(p -> assertThat(((Map<?, ?>) p).keySet())
                .extracting(String::valueOf).containsExactly("name", "deadlocked", "opsPerSecond",
                        "p50Micros", "p99Micros", "p999Micros", "hitRatio", "reclaimedFrames",
                        "refaults", "overReclaimedFrames", "idleBytesElsewhere", "directStalls",
                        "stallMillis", "kswapdShare", "skippedShrinkerCalls", "vmallocCalls",
                        "pageTableRequestsNarrowed", "nofailRequests", "noioScopeAllocations",
                        "allocationFailures", "keysVerified", "verifyOk"));
        Map<?, ?> unguarded = (Map<?, ?>) policies.getFirst();
        assertThat(unguarded.get("deadlocked")).isEqualTo(true);
        assertThat(unguarded.get("opsPerSecond")).isNull();
        assertThat(unguarded.get("verifyOk")).isNull();
        Map<?, ?> domain = (Map<?, ?>) policies.getLast();
        assertThat(domain.get("deadlocked")).isEqualTo(false);
        assertThat(domain.get("verifyOk")).isEqualTo(true);
        assertThat(domain.get("keysVerified")).isEqualTo(1000L);
    }

    @Test
    void thePageNeedsNothingElse() {
        String page = HtmlPage.text(outcome(true));
        assertThat(page).startsWith("<!doctype html>").endsWith("</html>\n")
                .doesNotContain("http:", "https:", "<link", "src=", "@import", "url(", "NaN");
        assertThat(page)
                .contains("<figcaption>unguarded</figcaption>", "prefers-color-scheme: dark",
                "Free memory against the watermarks", "Reclaim by victim", "Stalls",
                "Latency of requests", "Thread &lt;a&gt; waits for &#39;x&#39; &amp; y");
        assertThat(page.split("<svg", -1)).hasSize(1 + 4 * 3);
    }

    @Test
    void theTextTellsTheDeadlockTheTableAndWhereDomainsDoNotHelp() {
        String text = TextReport.of(outcome(true));
        assertThat(text).contains("unguarded deadlocked:\n  " + CHAIN,
                "frames taken from 'rendered', wanted again within 2 s",
                "domain against scope:", "Where domains do not help:");
        assertThat(text.lines().filter(l -> l.contains("ended by"))).hasSize(1)
                .first().asString().contains("deadlock");
    }

    @Test
    void aGuardedPolicyMustHaveGoneThroughThePathsItIsAbout() {
        assertThat(outcome(true).complaints()).isEmpty();
        assertThat(outcome(false).complaints()).hasSize(2).allSatisfy(
                c -> assertThat(c).contains("pageTableRequestsNarrowed"));
    }

    @Test
    void aGuardedPolicyMustNeitherDeadlockNorLoseAnything() {
        RunResult lost = new RunResult(figures(true), Map.of(), null, null, false, List.of());
        RunResult hung = new RunResult(figures(true), Map.of(), null, CHAIN, null, List.of());
        RunResult failed = new RunResult(Map.of(), Map.of(), "exit code 4", null, null, List.of());
        Outcome outcome =
                new Outcome(setting(), List.of(new PolicyResult("mask", true, List.of(lost)),
                new PolicyResult("scope", true, List.of(hung)),
                new PolicyResult("split", true, List.of(failed))));
        assertThat(outcome.complaints()).containsExactly(
                "Policy mask: not everything read back was right.",
                "The guarded policy scope deadlocked.",
                "Policy split failed: exit code 4");
        assertThat(TextReport.of(outcome)).contains("failure", "deadlock");
    }

    @Test
    void aScaleEndsAtARoundNumber() {
        assertThat(Scale.linear(7.3).high()).isEqualTo(8);
        assertThat(Scale.linear(100).high()).isEqualTo(100);
        assertThat(Scale.linear(1.1).ticks()).containsExactly(0.0, 0.5, 1.0, 1.5);
        assertThat(Scale.logarithmic(30, 4000).ticks())
                .containsExactly(10.0, 100.0, 1000.0, 10000.0);
        assertThat(Scale.logarithmic(30, 4000).at(1)).isZero();
        assertThat(Scale.linear(10).at(1e9)).isEqualTo(1);
    }

    private static Outcome outcome(boolean narrowed) {
        RunResult dead =
                new RunResult(Map.of(Figure.OVER_RECLAIMED, 3.0), Map.of(), null, CHAIN, null,
                samples(20));
        RunResult scope =
                new RunResult(figures(narrowed), phases(5), null, null, true, samples(150));
        RunResult domain =
                new RunResult(figures(narrowed), phases(0), null, null, true, samples(150));
        return new Outcome(setting(), List.of(new PolicyResult("unguarded", false, List.of(dead)),
                new PolicyResult("scope", true, List.of(scope)),
                new PolicyResult("domain", true, List.of(domain))));
    }

    private static Outcome.Setting setting() {
        return new Outcome.Setting(96L << 20, "a test", 200L << 20, 15_000, 1, "00ff", 15, 1, "25",
                2);
    }

    private static Map<Figure, Double> figures(boolean narrowed) {
        Map<Figure, Double> figures = new EnumMap<>(Figure.class);
        for (Figure figure : Figure.values()) {
            figures.put(figure, figure.unit() == Unit.SHARE ? 0.5 : 1000.0);
        }
        figures.put(Figure.NARROWED, narrowed ? 1.0 : 0.0);
        return figures;
    }

    private static Map<Phase, Map<Figure, Double>> phases(double stalls) {
        Map<Phase, Map<Figure, Double>> phases = new EnumMap<>(Phase.class);
        for (Phase phase : Phase.values()) {
            phases.put(phase, Map.of(Figure.STALLS_NOFS, stalls, Figure.STALLS_DOMAIN, stalls,
                    Figure.OVER_RECLAIMED, 1.0, Figure.STALL_MILLIS, 1.0));
        }
        return phases;
    }

    private static List<Sample> samples(int count) {
        List<Sample> samples = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            Sample sample = new Sample(i * 100L, i * 4 / count, 500 - i, 300, 375, 450, i, 2L * i,
                    3L * i, i / 2, i, i * 1.5, i % 3 == 0 ? 0 : 50 + i, 160L * i);
            samples.add(Sample.fromMap(new java.util.HashMap<>(sample.toMap())));
        }
        return samples;
    }
}
