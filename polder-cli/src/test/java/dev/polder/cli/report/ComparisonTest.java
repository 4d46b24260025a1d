package dev.polder.cli.report;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.cli.report.Comparison.Verdict;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ComparisonTest {

    @Test
    void aDifferenceBelowTheSpreadIsNone() {
        PolicyResult domain = policy("domain", Figure.OPS, 100, 110, 120);
        PolicyResult scope = policy("scope", Figure.OPS, 95, 99, 100);
        assertThat(verdict(domain, scope)).isEqualTo(Verdict.NO_DIFFERENCE);
        assertThat(Comparison.of(domain, scope).lines().getFirst().text())
                .isEqualTo("no difference (99.0 -> 110)");
    }

    @Test
    void aDifferenceAboveTheSpreadIsOne() {
        PolicyResult domain = policy("domain", Figure.OPS, 100, 110, 120);
        PolicyResult scope = policy("scope", Figure.OPS, 60, 70, 80);
        assertThat(verdict(domain, scope)).isEqualTo(Verdict.BETTER);
        assertThat(verdict(scope, domain)).isEqualTo(Verdict.WORSE);
    }

    @Test
    void lessIsBetterWhereTheFigureSaysSo() {
        PolicyResult domain = policy("domain", Figure.OVER_RECLAIMED, 10, 20);
        PolicyResult scope = policy("scope", Figure.OVER_RECLAIMED, 500, 520);
        assertThat(verdict(domain, scope)).isEqualTo(Verdict.BETTER);
        assertThat(Comparison.of(domain, scope).lines().getFirst().text())
                .isEqualTo("better: 510 -> 15 (-97 %)");
    }

    @Test
    void oneRoundIsJudgedByWhatChanceMayDo() {
        assertThat(verdict(policy("domain", Figure.OPS, 110), policy("scope", Figure.OPS, 100)))
                .isEqualTo(Verdict.NO_DIFFERENCE);
        assertThat(verdict(policy("domain", Figure.OPS, 200), policy("scope", Figure.OPS, 100)))
                .isEqualTo(Verdict.BETTER);
        // Nine events scatter by three: four are no fewer.
        assertThat(verdict(policy("domain", Figure.DIRECT_STALLS, 4),
                policy("scope", Figure.DIRECT_STALLS, 9))).isEqualTo(Verdict.NO_DIFFERENCE);
    }

    @Test
    void whatOneHasNotIsNotCompared() {
        assertThat(Comparison.of(policy("domain", Figure.OPS, 1), policy("scope", Figure.P50, 1))
                .lines()).isEmpty();
    }

    @Test
    void theMedianOfAnEvenNumberLiesBetween() {
        PolicyResult p = policy("x", Figure.OPS, 4, 1, 3, 2);
        assertThat(p.median(Figure.OPS)).isEqualTo(2.5);
        assertThat(p.spread(Figure.OPS)).isEqualTo(3);
        assertThat(p.median(Figure.P50)).isNull();
    }

    private static Verdict verdict(PolicyResult subject, PolicyResult other) {
        return Comparison.of(subject, other).lines().getFirst().verdict();
    }

    private static PolicyResult policy(String name, Figure figure, double... rounds) {
        List<RunResult> results = Arrays.stream(rounds).mapToObj(v -> new RunResult(
                Map.of(figure, v), Map.of(), null, null, true, List.of())).toList();
        return new PolicyResult(name, true, results);
    }
}
