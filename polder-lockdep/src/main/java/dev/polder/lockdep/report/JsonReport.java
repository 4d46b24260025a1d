package dev.polder.lockdep.report;

import dev.polder.lockdep.engine.Edge;
import dev.polder.lockdep.engine.LockClass;
import dev.polder.lockdep.engine.Report;
import java.util.List;

/// Findings for programs: one JSON object (RFC 8259) with the member `version`, which changes when
/// a member changes its meaning.
public final class JsonReport {
    /// The version of the layout.
    public static final int VERSION = 1;

    private final StringBuilder out = new StringBuilder();

    private JsonReport() {}

    /// The whole result of a run.
    public static String of(Findings findings) {
        JsonReport json = new JsonReport();
        json.findings(findings);
        return json.out.append('\n').toString();
    }

    private void findings(Findings f) {
        out.append("{\"version\":").append(VERSION).append(",\"reports\":[");
        String comma = "";
        for (Report r : f.reports()) {
            out.append(comma);
            report(r);
            comma = ",";
        }
        out.append("],\"suppressed\":[");
        comma = "";
        for (Report r : f.suppressed()) {
            out.append(comma).append("{\"id\":");
            string(r.id());
            out.append(",\"reason\":");
            string(f.suppressions().reason(r.id()));
            out.append('}');
            comma = ",";
        }
        out.append("],\"notes\":[");
        comma = "";
        for (String note : f.notes()) {
            out.append(comma);
            string(note);
            comma = ",";
        }
        out.append("]}");
    }

    private void report(Report r) {
        out.append("{\"id\":");
        string(r.id());
        out.append(",\"kind\":");
        string(r.kind().name());
        out.append(",\"instances\":");
        string(r.instances().name());
        out.append(",\"thread\":");
        string(r.thread());
        out.append(",\"scope\":");
        string(r.scope());
        out.append(",\"wanted\":");
        lock(r.wanted(), r.wantedHash(), r.wantedMode());
        out.append(",\"held\":[");
        String comma = "";
        for (Report.Held h : r.held()) {
            out.append(comma);
            lock(h.lock(), h.hash(), h.mode());
            comma = ",";
        }
        out.append("],\"chain\":[");
        comma = "";
        for (Edge e : r.chain()) {
            out.append(comma).append("{\"from\":");
            lock(e.from(), e.fromHash(), e.fromMode());
            out.append(",\"to\":");
            lock(e.to(), e.toHash(), e.toMode());
            out.append(",\"heldAt\":");
            string(e.heldAt());
            out.append(",\"thread\":");
            string(e.thread());
            out.append(",\"scope\":");
            string(e.scope());
            out.append(",\"stack\":");
            stack(e.stack());
            out.append('}');
            comma = ",";
        }
        out.append("],\"stack\":");
        stack(r.stack());
        out.append('}');
    }

    private void lock(LockClass c, int hash, String mode) {
        out.append("{\"class\":");
        string(c.name());
        out.append(",\"kind\":");
        string(c.kind().name());
        out.append(",\"place\":");
        string(c.place());
        out.append(",\"instance\":");
        string(hash == 0 ? "" : Integer.toHexString(hash));
        out.append(",\"mode\":");
        string(mode);
        out.append('}');
    }

    private void stack(List<StackTraceElement> frames) {
        out.append('[');
        String comma = "";
        for (StackTraceElement e : frames) {
            out.append(comma);
            string(e.toString());
            comma = ",";
        }
        out.append(']');
    }

    private void string(String text) {
        out.append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (c < 0x20 || Character.isSurrogate(c)) {
                out.append(String.format("\\u%04x", (int) c));
            } else {
                out.append(c);
            }
        }
        out.append('"');
    }
}
