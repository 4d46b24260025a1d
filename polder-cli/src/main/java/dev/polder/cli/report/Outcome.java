package dev.polder.cli.report;

import java.util.ArrayList;
import java.util.List;

/// What the whole demo came to.
///
/// @param setting under what it ran
/// @param policies the results, in the order in which they are shown
public record Outcome(Setting setting, List<PolicyResult> policies) {

    /// Under what a demo ran.
    ///
    /// @param budgetBytes the pool's budget
    /// @param input what was read, for people
    /// @param inputBytes bytes of text in it
    /// @param inputTexts how many texts it has
    /// @param seed the trace's seed
    /// @param traceHash the trace's hash
    /// @param seconds how long a policy ran
    /// @param rounds how often
    /// @param jdk the Java version
    /// @param cpus how many processors the JVM sees
    public record Setting(long budgetBytes, String input, long inputBytes, int inputTexts,
            long seed, String traceHash, double seconds, int rounds, String jdk, int cpus) {}

    /// Copies the list.
    public Outcome {
        policies = List.copyOf(policies);
    }

    /// What went wrong, a sentence each; empty when the demo showed what it is there to show.
    public List<String> complaints() {
        List<String> complaints = new ArrayList<>();
        for (PolicyResult p : policies) {
            String failure = p.failure();
            if (failure != null) {
                complaints.add("Policy " + p.name() + " failed: " + failure);
                continue;
            }
            if (!p.guarded()) {
                continue;
            }
            if (!p.findings().isEmpty()) {
                complaints.add("The lock checker found something in the guarded policy " + p.name()
                        + ".");
            }
            if (p.deadlocked()) {
                complaints.add("The guarded policy " + p.name() + " deadlocked.");
                continue;
            }
            if (!Boolean.TRUE.equals(p.verified())) {
                complaints.add("Policy " + p.name() + ": not everything read back was right.");
            }
            for (Figure figure : Figure.MUST_HAPPEN) {
                Double value = p.median(figure);
                if (value == null || value <= 0) {
                    complaints.add("Policy " + p.name() + ": there were no " + figure.label() + " ("
                            + figure.key() + "), so it did not go where it was to go; run it longer"
                            + " or with a smaller budget.");
                }
            }
        }
        return complaints;
    }
}
