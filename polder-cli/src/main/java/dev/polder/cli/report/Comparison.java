package dev.polder.cli.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/// One policy against another, figure by figure, where a difference that the rounds' own spread
/// could make is none.
///
/// @param subject whose advantage is asked for
/// @param other against whom
/// @param lines the figures that both have
public record Comparison(String subject, String other, List<Line> lines) {

    /// What the comparison of one figure says.
    public enum Verdict { BETTER, WORSE, NO_DIFFERENCE }

    /// One figure of both.
    public record Line(Figure figure, double mine, double theirs, Verdict verdict) {

        /// The line as people read it.
        public String text() {
            String values = figure.unit().text(theirs) + " -> " + figure.unit().text(mine);
            return switch (verdict) {
                case NO_DIFFERENCE -> "no difference (" + values + ")";
                case BETTER -> "better: " + values + change();
                case WORSE -> "worse: " + values + change();
            };
        }

        private String change() {
            if (theirs == 0 || figure.unit() == Unit.SHARE) {
                return "";
            }
            double percent = (mine - theirs) / theirs * 100;
            return String.format(Locale.ROOT, percent >= 1000 ? " (x%.0f)" : " (%+.0f %%)",
                    percent >= 1000 ? mine / theirs : percent);
        }
    }

    /// What the policies are compared by.
    public static final List<Figure> FIGURES = List.of(Figure.OVER_RECLAIMED,
            Figure.IDLE_ELSEWHERE, Figure.DIRECT_STALLS, Figure.STALL_MILLIS, Figure.DEFERRED,
            Figure.DEFERRED_AGE, Figure.REFAULTS, Figure.OPS, Figure.UPDATES, Figure.MERGES,
            Figure.P50, Figure.P99, Figure.P999, Figure.SLOWEST_UPDATE, Figure.SLOWEST_MERGE,
            Figure.HITS_RENDERED);

    /// Compares two policies by [#FIGURES].
    public static Comparison of(PolicyResult subject, PolicyResult other) {
        List<Line> lines = new ArrayList<>();
        for (Figure figure : FIGURES) {
            line(figure, subject, other).ifPresent(lines::add);
        }
        return new Comparison(subject.name(), other.name(), List.copyOf(lines));
    }

    private static Optional<Line> line(Figure figure, PolicyResult subject, PolicyResult other) {
        Double mine = subject.median(figure);
        Double theirs = other.median(figure);
        if (mine == null || theirs == null) {
            return Optional.empty();
        }
        double difference = mine - theirs;
        Verdict verdict = Verdict.NO_DIFFERENCE;
        if (Math.abs(difference) > noise(figure, subject, other)) {
            boolean less = difference < 0;
            verdict = less == (figure.better() == Figure.Better.LESS)
                    ? Verdict.BETTER : Verdict.WORSE;
        }
        return Optional.of(new Line(figure, mine, theirs, verdict));
    }

    /// The larger of the two spreads; with one round, what chance may do.
    private static double noise(Figure figure, PolicyResult subject, PolicyResult other) {
        if (subject.measured(figure) > 1 && other.measured(figure) > 1) {
            return Math.max(subject.spread(figure), other.spread(figure));
        }
        Double mine = subject.median(figure);
        Double theirs = other.median(figure);
        double larger = Math.max(mine == null ? 0 : Math.abs(mine),
                theirs == null ? 0 : Math.abs(theirs));
        return figure.unit().chance(larger);
    }

    /// The labels of the figures with one verdict.
    public List<String> labels(Verdict verdict) {
        return lines.stream().filter(l -> l.verdict() == verdict)
                .map(l -> l.figure().label().strip()).toList();
    }
}
