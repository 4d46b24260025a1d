package dev.polder.lockdep.report;

import dev.polder.lockdep.engine.Lockdep;
import dev.polder.lockdep.engine.Report;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/// What a run found. Thread-safe, without a limit; each finding is in it once.
public final class Findings implements Lockdep.Listener {
    private static volatile @Nullable Findings ofThisJvm;

    private final Suppressions suppressions;
    private final List<Report> reports = new CopyOnWriteArrayList<>();
    private final List<Report> suppressed = new CopyOnWriteArrayList<>();
    private final List<String> notes = new CopyOnWriteArrayList<>();

    /// An empty list.
    public Findings(Suppressions suppressions) {
        this.suppressions = suppressions;
    }

    /// What is collected for the whole JVM; null while nobody does.
    public static @Nullable Findings ofThisJvm() {
        return ofThisJvm;
    }

    /// Makes this the findings of the JVM.
    public static void ofThisJvm(Findings findings) {
        ofThisJvm = findings;
    }

    @Override
    public void found(Report report) {
        (suppressions.covers(report.id()) ? suppressed : reports).add(report);
    }

    /// Adds something to say at the end of the run: a rule that never matched, a piece of advice.
    public void note(String text) {
        notes.add(text);
    }

    /// The findings, in the order in which they were made.
    public List<Report> reports() {
        return List.copyOf(reports);
    }

    /// The findings that are suppressed.
    public List<Report> suppressed() {
        return List.copyOf(suppressed);
    }

    /// What else there is to say.
    public List<String> notes() {
        return List.copyOf(notes);
    }

    /// The suppressions in force.
    public Suppressions suppressions() {
        return suppressions;
    }

    /// Everything, for people.
    public String text() {
        StringBuilder out = new StringBuilder();
        for (Report r : reports) {
            out.append(TextReport.of(r)).append('\n');
        }
        for (Report r : suppressed) {
            out.append("suppressed ").append(r).append(": ").append(suppressions.reason(r.id()))
                    .append('\n');
        }
        for (String entry : suppressions.unused()) {
            out.append("unused suppression ").append(entry).append('\n');
        }
        for (String note : notes) {
            out.append(note).append('\n');
        }
        out.append(reports.size()).append(reports.size() == 1 ? " report" : " reports")
                .append(suppressed.isEmpty() ? "" : ", " + suppressed.size() + " suppressed")
                .append('\n');
        return out.toString();
    }
}
