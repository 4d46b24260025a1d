package dev.polder.cli.report;

import dev.polder.cli.trace.Phase;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// The figures that the policies differ in, phase by phase: the whole run's sums hide that one
/// store lies idle in two of the phases.
final class PhaseTable {

    private static final List<Figure> FIGURES = List.of(Figure.OVER_RECLAIMED,
            Figure.IDLE_ELSEWHERE, Figure.DIRECT_STALLS, Figure.STALL_MILLIS, Figure.KSWAPD_SHARE);

    private PhaseTable() {}

    /// One figure of one phase, of every policy in the outcome's order.
    ///
    /// @param label the phase's or the figure's words
    /// @param cells the values as people read them; empty for a heading
    record Row(String label, List<String> cells) {}

    /// A heading for each figure, and under it a row for each phase.
    static List<Row> of(Outcome outcome) {
        List<Row> rows = new ArrayList<>();
        for (Figure figure : FIGURES) {
            rows.add(new Row(figure.label(), List.of()));
            for (Phase phase : Phase.values()) {
                rows.add(new Row(phase.title(), outcome.policies().stream()
                        .map(p -> cell(figure, median(p, phase, figure))).toList()));
            }
        }
        return rows;
    }

    private static String cell(Figure figure, @Nullable Double value) {
        return value == null ? "-" : figure.unit().text(value);
    }

    /// Of a deadlocked policy there are no whole phases to compare.
    private static @Nullable Double median(PolicyResult policy, Phase phase, Figure figure) {
        if (!policy.end().equals("time")) {
            return null;
        }
        double[] values = policy.rounds().stream().map(r -> r.get(phase, figure))
                .filter(Objects::nonNull).mapToDouble(Double::doubleValue).sorted().toArray();
        return values.length == 0 ? null : Double.valueOf(
                (values[(values.length - 1) / 2] + values[values.length / 2]) / 2);
    }
}
