package dev.polder.cli.report;

import dev.polder.cli.trace.Phase;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Phase by phase, where `domain` had nothing to win over `scope`.
final class PhaseNotes {

    private PhaseNotes() {}

    /// One sentence for each phase in which the two came to the same.
    static List<String> of(Outcome outcome) {
        PolicyResult domain = TextReport.find(outcome, "domain");
        PolicyResult scope = TextReport.find(outcome, "scope");
        List<String> notes = new ArrayList<>();
        if (domain == null || scope == null) {
            return notes;
        }
        for (Phase phase : Phase.values()) {
            Double restricted = scope.last().get(phase, Figure.STALLS_NOFS);
            Double excluded = domain.last().get(phase, Figure.STALLS_DOMAIN);
            if (restricted == null || excluded == null) {
                continue;
            }
            if (restricted == 0 && excluded == 0) {
                notes.add("  phase '" + phase.title() + "': nobody stalled inside a journal handle,"
                        + " so there was nothing to win");
            } else if (same(domain, scope, phase, Figure.OVER_RECLAIMED)
                    && same(domain, scope, phase, Figure.STALL_MILLIS)) {
                notes.add("  phase '" + phase.title() + "': over-reclaim and time in stalls as with"
                        + " scope");
            }
        }
        return notes;
    }

    private static boolean same(PolicyResult a, PolicyResult b, Phase phase, Figure figure) {
        @Nullable Double mine = a.last().get(phase, figure);
        @Nullable Double theirs = b.last().get(phase, figure);
        return mine != null && theirs != null && Math.abs(mine - theirs)
                <= figure.unit().chance(Math.max(mine, theirs));
    }
}
