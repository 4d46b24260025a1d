package dev.polder.lockdep.report;

import dev.polder.lockdep.rules.TextFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/// Findings that somebody looked at and accepts, each with the reason why.
///
/// A text file: one entry a line, the finding's id and then the reason, `1a2b3c4d  only one thread
/// ever …`; empty lines and lines that begin with `#` are skipped. An entry without a reason, and
/// one that no finding needed, are told.
public final class Suppressions {
    /// The fewest characters that a reason has: less says nothing.
    static final int REASON_LENGTH = 10;

    private final Map<String, String> reasons;
    private final Set<String> used = ConcurrentHashMap.newKeySet();

    private Suppressions(Map<String, String> reasons) {
        this.reasons = reasons;
    }

    /// No suppression.
    public static Suppressions none() {
        return new Suppressions(Map.of());
    }

    /// Reads a file.
    ///
    /// @throws IllegalArgumentException naming the file and line that is wrong, or why it cannot be
    ///     read
    public static Suppressions read(Path file) {
        return parse(file.toString(), TextFile.lines(file));
    }

    /// Reads lines.
    ///
    /// @param source what to call them in errors
    public static Suppressions parse(String source, List<String> lines) {
        Map<String, String> reasons = new LinkedHashMap<>();
        for (int i = 0; i < lines.size(); i++) {
            String line = lines.get(i).strip();
            if (line.isEmpty() || line.startsWith("#")) {
                continue;
            }
            String where = source + ":" + (i + 1) + ": ";
            String id = line.split("\\s+", 2)[0];
            String reason = line.substring(id.length()).strip();
            if (!id.matches("[0-9a-f]{8}")) {
                throw new IllegalArgumentException(where + "'" + id
                        + "' is no id; a finding's id is eight digits 0-9a-f, in brackets in its "
                        + "first line");
            }
            if (reason.length() < REASON_LENGTH) {
                throw new IllegalArgumentException(where + "the entry for " + id
                        + " needs a reason: why this can never deadlock");
            }
            if (reasons.put(id, reason) != null) {
                throw new IllegalArgumentException(where + id + " is suppressed twice");
            }
        }
        return new Suppressions(reasons);
    }

    /// Whether the finding is suppressed; an entry that was asked for counts as used.
    boolean covers(String id) {
        if (!reasons.containsKey(id)) {
            return false;
        }
        used.add(id);
        return true;
    }

    /// The reason of an entry, empty when there is none.
    public String reason(String id) {
        return reasons.getOrDefault(id, "");
    }

    /// Entries that no finding needed.
    public List<String> unused() {
        List<String> left = new ArrayList<>();
        for (Map.Entry<String, String> e : reasons.entrySet()) {
            if (!used.contains(e.getKey())) {
                left.add(e.getKey() + " (" + e.getValue() + ")");
            }
        }
        return left;
    }
}
