package dev.polder.cli.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// The outcome for the terminal: the deadlock's story, the table, the comparison.
public final class TextReport {

    private static final int LABEL = 56;
    private static final int COLUMN = 12;

    private final Outcome outcome;
    private final List<String> lines = new ArrayList<>();

    private TextReport(Outcome outcome) {
        this.outcome = outcome;
    }

    /// The report's text.
    public static String of(Outcome outcome) {
        TextReport report = new TextReport(outcome);
        report.findings();
        report.deadlocks();
        report.table();
        report.phases();
        report.comparisons();
        return String.join("\n", report.lines) + "\n";
    }

    private void findings() {
        for (PolicyResult p : outcome.policies()) {
            List<String> found = p.findings();
            if (!found.isEmpty()) {
                lines.add("");
                lines.add(p.name() + ": the lock checker found " + (found.size() == 1 ? "this"
                        : "these " + found.size()) + (p.deadlocked()
                        ? ", before the deadlock below:" : ":"));
                found.getFirst().lines().forEach(line -> lines.add("  " + line));
                // A finding's second line is its title: the first line is a rule.
                found.stream().skip(1).map(f -> f.lines().skip(1).findFirst().orElse(f))
                        .forEach(title -> lines.add("  also: " + title));
            }
        }
    }

    private void deadlocks() {
        for (PolicyResult p : outcome.policies()) {
            String chain = p.deadlock();
            if (chain != null) {
                lines.add("");
                lines.add(p.name() + " deadlocked:");
                chain.lines().forEach(line -> lines.add("  " + line));
            }
        }
    }

    private void table() {
        lines.add("");
        StringBuilder head = new StringBuilder(" ".repeat(LABEL));
        outcome.policies().forEach(p -> head.append(right(p.name())));
        lines.add(head.toString());
        StringBuilder ends = new StringBuilder(left("ended by"));
        outcome.policies().forEach(p -> ends.append(right(p.end())));
        lines.add(ends.toString());
        for (Figure.Group group : Figure.Group.values()) {
            lines.add(group.title());
            for (Figure figure : Figure.values()) {
                if (figure.group() == group) {
                    row(figure);
                }
            }
        }
        StringBuilder verified = new StringBuilder(left("verify() clean, all keys right"));
        outcome.policies().forEach(p -> verified.append(right(yes(p.verified()))));
        lines.add(verified.toString());
    }

    private void row(Figure figure) {
        StringBuilder row = new StringBuilder(left("  " + figure.label()));
        boolean any = false;
        for (PolicyResult p : outcome.policies()) {
            Double value = p.median(figure);
            any |= value != null;
            row.append(right(value == null ? "-" : figure.unit().text(value)));
        }
        if (any) {
            lines.add(row.toString());
        }
    }

    private void phases() {
        lines.add("");
        lines.add("By phase");
        for (PhaseTable.Row r : PhaseTable.of(outcome)) {
            StringBuilder row = new StringBuilder(
                    left(r.cells().isEmpty() ? "  " + r.label() : "    " + r.label()));
            r.cells().forEach(cell -> row.append(right(cell)));
            lines.add(row.toString().stripTrailing());
        }
    }

    private void comparisons() {
        List<Comparison> all = comparisons(outcome);
        if (all.isEmpty()) {
            return;
        }
        lines.add("");
        lines.add(noiseSentence(outcome));
        for (Comparison c : all) {
            lines.add("");
            lines.add(c.subject() + " against " + c.other() + ":");
            for (Comparison.Line line : c.lines()) {
                lines.add(left("  " + line.figure().label().strip()) + "  " + line.text());
            }
        }
        lines.add("");
        lines.addAll(whereNot(outcome, all));
    }

    /// The comparisons that the demo is about: `domain` against each other guarded policy.
    static List<Comparison> comparisons(Outcome outcome) {
        List<Comparison> all = new ArrayList<>();
        PolicyResult domain = find(outcome, "domain");
        for (String other : List.of("mask", "scope", "split")) {
            PolicyResult against = find(outcome, other);
            if (domain != null && against != null) {
                all.add(Comparison.of(domain, against));
            }
        }
        return all;
    }

    /// By what a difference is judged.
    static String noiseSentence(Outcome outcome) {
        int rounds = outcome.setting().rounds();
        return rounds > 1
                ? "Medians of " + rounds + " rounds; a difference below the spread of the rounds is"
                        + " \"no difference\"."
                : "One round has no spread of its own: a difference below a quarter (or, of events,"
                        + " below what counting scatters) is \"no difference\". --rounds 3 "
                        + "measures it.";
    }

    /// Where domains do not help, as sentences.
    static List<String> whereNot(Outcome outcome, List<Comparison> all) {
        List<String> sentences = new ArrayList<>();
        sentences.add("Where domains do not help:");
        for (Comparison c : all) {
            List<String> worse = c.labels(Comparison.Verdict.WORSE);
            List<String> same = c.labels(Comparison.Verdict.NO_DIFFERENCE);
            if (!worse.isEmpty()) {
                sentences.add("  worse than " + c.other() + ": " + String.join("; ", worse));
            }
            if (!same.isEmpty()) {
                sentences.add("  no better than " + c.other() + ": " + String.join("; ", same));
            }
        }
        sentences.addAll(PhaseNotes.of(outcome));
        return sentences;
    }

    static @Nullable PolicyResult find(Outcome outcome, String name) {
        return outcome.policies().stream().filter(p -> p.name().equals(name)).findFirst()
                .orElse(null);
    }

    private static String yes(@Nullable Boolean value) {
        return value == null ? "-" : value ? "yes" : "NO";
    }

    private static String left(String text) {
        return String.format(Locale.ROOT, "%-" + LABEL + "s", text);
    }

    private static String right(String text) {
        return String.format(Locale.ROOT, "%" + COLUMN + "s", text);
    }
}
