package dev.polder.cli.report;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// All rounds of one policy.
///
/// @param name the policy's name
/// @param guarded whether it is meant to work: whether its store may not deadlock
/// @param rounds one result a round, one at least
public record PolicyResult(String name, boolean guarded, List<RunResult> rounds) {

    /// Refuses a policy without rounds.
    public PolicyResult {
        if (rounds.isEmpty()) {
            throw new IllegalArgumentException("policy " + name + " did not run");
        }
        rounds = List.copyOf(rounds);
    }

    /// The median over the rounds; null when no round has the figure.
    public @Nullable Double median(Figure figure) {
        double[] values = values(figure);
        if (values.length == 0) {
            return null;
        }
        int middle = values.length / 2;
        return values.length % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
    }

    /// How far the rounds lie apart; 0 with one.
    public double spread(Figure figure) {
        double[] values = values(figure);
        return values.length == 0 ? 0 : values[values.length - 1] - values[0];
    }

    /// How many rounds have the figure.
    public int measured(Figure figure) {
        return values(figure).length;
    }

    /// Whether any round ended in a deadlock.
    public boolean deadlocked() {
        return rounds.stream().anyMatch(r -> r.deadlock() != null);
    }

    /// What the first round said that failed; null if none did.
    public @Nullable String failure() {
        return rounds.stream().map(RunResult::failure).filter(Objects::nonNull).findFirst()
                .orElse(null);
    }

    /// How the policy's rounds ended, in one word.
    public String end() {
        return failure() != null ? "failure" : deadlocked() ? "deadlock" : "time";
    }

    /// The wait chain of the last round that deadlocked; null if none did.
    public @Nullable String deadlock() {
        return rounds.stream().map(RunResult::deadlock).filter(Objects::nonNull)
                .reduce(null, (first, last) -> last);
    }

    /// What the lock checker found in the first round in which it found something; empty where it
    /// found nothing, or did not watch.
    public List<String> findings() {
        return rounds.stream().map(RunResult::findings).filter(f -> !f.isEmpty()).findFirst()
                .orElse(List.of());
    }

    /// Whether every round read everything back right; null when one did not get there.
    public @Nullable Boolean verified() {
        return rounds.stream().anyMatch(r -> r.verified() == null) ? null
                : Boolean.valueOf(rounds.stream().allMatch(r -> Boolean.TRUE.equals(r.verified())));
    }

    /// The last round: the one whose course is plotted.
    public RunResult last() {
        return rounds.getLast();
    }

    private double[] values(Figure figure) {
        double[] values = rounds.stream().map(r -> r.get(figure)).filter(Objects::nonNull)
                .mapToDouble(Double::doubleValue).toArray();
        Arrays.sort(values);
        return values;
    }
}
