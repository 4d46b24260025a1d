package dev.polder.cli.report;

import dev.polder.cli.trace.Phase;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What one run of one policy came to.
///
/// @param figures what was measured; a figure that does not exist is missing
/// @param phases the same for each phase, as far as a figure has parts
/// @param failure what the process said when it failed; null when it did not
/// @param deadlock how the wait chain closed, as the process told it; null when there was none
/// @param verified whether everything read back was right and every `verify()` clean; null when the
///     run did not get there
/// @param samples the run over time
/// @param findings what the lock checker had told until the end, or until the deadlock
public record RunResult(Map<Figure, Double> figures, Map<Phase, Map<Figure, Double>> phases,
        @Nullable String failure, @Nullable String deadlock, @Nullable Boolean verified,
        List<Sample> samples, List<String> findings) {

    /// A run that nobody checked.
    public RunResult(Map<Figure, Double> figures, Map<Phase, Map<Figure, Double>> phases,
            @Nullable String failure, @Nullable String deadlock, @Nullable Boolean verified,
            List<Sample> samples) {
        this(figures, phases, failure, deadlock, verified, samples, List.of());
    }

    /// The figure's value; null when it does not exist.
    public @Nullable Double get(Figure figure) {
        return figures.get(figure);
    }

    /// The figure's value in one phase; null when it does not exist.
    public @Nullable Double get(Phase phase, Figure figure) {
        return phases.getOrDefault(phase, Map.of()).get(figure);
    }
}
