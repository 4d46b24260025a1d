package dev.polder.testkit;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Comma-separated text as RFC 4180 has it: fields may be quoted, and a doubled quote inside a
/// quoted field is one quote. A record runs over several lines only inside quotes.
final class Csv {

    private final String file;
    private final String text;
    private final StringBuilder field = new StringBuilder();
    private final List<List<String>> records = new ArrayList<>();
    private List<String> record = new ArrayList<>();

    private Csv(String file, String text) {
        this.file = file;
        this.text = text;
    }

    /// The records after the first, which names the columns.
    static List<TruthRow> rows(String file, String text) {
        Csv csv = new Csv(file, text);
        csv.split();
        if (csv.records.isEmpty()) {
            throw new IllegalArgumentException(file + " has no header");
        }
        List<String> header = csv.records.get(0);
        List<TruthRow> rows = new ArrayList<>(csv.records.size());
        for (int r = 1; r < csv.records.size(); r++) {
            List<String> fields = csv.records.get(r);
            if (fields.size() != header.size()) {
                throw new IllegalArgumentException(file + ", record " + r + ": " + fields.size()
                        + " fields where the header has " + header.size() + ": " + fields);
            }
            Map<String, String> row = new LinkedHashMap<>();
            for (int c = 0; c < header.size(); c++) {
                row.put(header.get(c), fields.get(c));
            }
            rows.add(new TruthRow(Collections.unmodifiableMap(row)));
        }
        return Collections.unmodifiableList(rows);
    }

    private void split() {
        boolean quoted = false;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (quoted && c != '"') {
                field.append(c);
            } else if (quoted && i + 1 < text.length() && text.charAt(i + 1) == '"') {
                field.append('"');
                i++;
            } else if (c == '"') {
                quoted = !quoted;
            } else if (c == ',') {
                endField();
            } else if (c == '\n') {
                endRecord();
            } else if (c != '\r') {
                field.append(c);
            }
        }
        if (quoted) {
            throw new IllegalArgumentException(file + " ends inside a quoted field");
        }
        if (field.length() > 0 || !record.isEmpty()) {
            endRecord();
        }
    }

    private void endField() {
        record.add(field.toString());
        field.setLength(0);
    }

    private void endRecord() {
        endField();
        records.add(record);
        record = new ArrayList<>();
    }
}
