package dev.polder.testkit;

import java.util.AbstractMap;
import java.util.Map;
import java.util.Set;

/// One record of a recording: a map from column to field, in the file's order.
///
/// Unlike other maps it has no null to give: a column that does not exist is a mistake in the test.
public final class TruthRow extends AbstractMap<String, String> {

    private final Map<String, String> fields;

    TruthRow(Map<String, String> fields) {
        this.fields = fields;
    }

    /// The field in the column; empty where the record has nothing there.
    ///
    /// @throws IllegalArgumentException when the recording has no such column
    @Override
    public String get(Object column) {
        String field = fields.get(column);
        if (field == null) {
            throw new IllegalArgumentException("no column " + column + " among " + keySet());
        }
        return field;
    }

    @Override
    public Set<Entry<String, String>> entrySet() {
        return fields.entrySet();
    }
}
