package dev.polder.bench;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/// Tables of what was measured: for people in Markdown, for programs in JSON.
///
/// A ratio is a peer's median by that of the table's first row, which is Polder's. Figures alone
/// say little on a machine that others use; ratios of one run do.
final class Report {
    private final Map<String, String> circumstances;
    private final Map<String, List<Samples>> tables = new LinkedHashMap<>();

    /// @param circumstances machine, JDK, date, command
    Report(Map<String, String> circumstances, List<Samples> all) {
        this.circumstances = circumstances;
        for (Samples s : all) {
            tables.computeIfAbsent(s.row.table(), _ -> new ArrayList<>()).add(s);
        }
    }

    String markdown() {
        StringBuilder out = new StringBuilder();
        circumstances.forEach((name, value) ->
                out.append("* ").append(name).append(": ").append(value).append('\n'));
        tables.forEach((title, rows) -> table(out, title, rows));
        return out.toString();
    }

    String json() throws IOException {
        StringWriter text = new StringWriter();
        try (JsonGenerator out = new JsonFactory().createGenerator(text)) {
            out.useDefaultPrettyPrinter();
            out.writeStartObject();
            for (Map.Entry<String, String> e : circumstances.entrySet()) {
                out.writeStringField(e.getKey(), e.getValue());
            }
            out.writeArrayFieldStart("rows");
            for (List<Samples> rows : tables.values()) {
                for (Samples s : rows) {
                    row(out, s);
                }
            }
            out.writeEndArray();
            out.writeEndObject();
        }
        return text.toString();
    }

    private static void table(StringBuilder out, String title, List<Samples> rows) {
        out.append("\n## ").append(title).append("\n\n")
                .append("| | ns, median | ns, least | ratio of medians | heap B/op |\n")
                .append("|---|---|---|---|---|\n");
        double unit = rows.getFirst().median();
        for (Samples s : rows) {
            out.append(String.format(Locale.ROOT, "| %s | %.1f | %.1f | %.2f | %.0f |%n",
                    s.row.peer(), s.median(), s.minimum(), unit == 0 ? 0 : s.median() / unit,
                    s.garbage()));
        }
    }

    private static void row(JsonGenerator out, Samples s) throws IOException {
        out.writeStartObject();
        out.writeStringField("table", s.row.table());
        out.writeStringField("benchmark", s.row.benchmark());
        out.writeStringField("peer", s.row.peer());
        out.writeNumberField("size", s.row.size());
        out.writeNumberField("threads", s.row.threads());
        out.writeBooleanField("virtual", s.row.virtual());
        out.writeNumberField("medianNanos", s.median());
        out.writeNumberField("leastNanos", s.minimum());
        out.writeNumberField("heapBytes", s.garbage());
        out.writeArrayFieldStart("nanos");
        for (double n : s.nanos()) {
            out.writeNumber(n);
        }
        out.writeEndArray();
        out.writeEndObject();
    }
}
