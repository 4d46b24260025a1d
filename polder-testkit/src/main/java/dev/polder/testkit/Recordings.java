package dev.polder.testkit;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// What became of each row of the recordings: compared as it is, with another value by a rule, or
/// left out for a reason. The last two stand in the modules' files `deviations.csv` and
/// `left-out.csv`, which their tests check against what they compare.
final class Recordings {

    private static final String DEVIATIONS = "deviations.csv";

    private final Map<String, Integer> byRule = new TreeMap<>();
    private final Map<String, Integer> changed = new TreeMap<>();
    private final List<LeftOut> leftOut = new ArrayList<>();

    /// Adds what stands in the tests of a module.
    void add(Path sources) {
        try (Stream<Path> walk = Files.walk(sources)) {
            for (Path file : walk.filter(Files::isRegularFile).toList()) {
                if (file.endsWith(DEVIATIONS)) {
                    for (TruthRow row : Csv.rows(DEVIATIONS, Files.readString(file))) {
                        byRule.merge(row.get("rule"), 1, Integer::sum);
                        changed.merge(row.get("file"), 1, Integer::sum);
                    }
                } else if (file.endsWith(LeftOut.FILE)) {
                    leftOut.addAll(LeftOut.of(Files.readString(file)));
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// The tables; nothing if no module says anything of recordings.
    void append(StringBuilder text) {
        if (changed.isEmpty() && leftOut.isEmpty()) {
            return;
        }
        text.append("\n## The recordings\n\n")
                .append("Each row is compared on the real thing, or stands below with the reason ")
                .append("why it is not.\n\n")
                .append("| recording | rows | as recorded | by a newer rule | left out |\n")
                .append("|---|---|---|---|---|\n");
        Truth.FILES.forEach(file -> {
            int rows = Truth.rows(file).size();
            int other = changed.getOrDefault(file, 0);
            int out = leftOut.stream().filter(o -> o.file().equals(file))
                    .filter(o -> o.column().isEmpty()).mapToInt(LeftOut::rows).sum();
            text.append("| `").append(file).append("` | ").append(rows).append(" | ")
                    .append(rows - other - out).append(" | ").append(other).append(" | ")
                    .append(out).append(" |\n");
        });
        appendRules(text);
        if (!leftOut.isEmpty()) {
            text.append("\n| left out | rows | why |\n|---|---|---|\n");
            leftOut.forEach(o -> text.append("| `").append(o.file()).append("`")
                    .append(o.column().isEmpty() ? "" : ", column `" + o.column() + "`")
                    .append(" | ").append(o.rows()).append(" | ").append(o.reason())
                    .append(" |\n"));
        }
    }

    private void appendRules(StringBuilder text) {
        int sum = byRule.values().stream().mapToInt(Integer::intValue).sum();
        if (sum > 0) {
            text.append("\n").append(sum)
                    .append(" rows have another expected value, by a rule that says so: ")
                    .append(byRule.entrySet().stream()
                            .map(e -> e.getKey() + " " + e.getValue())
                            .collect(Collectors.joining(", ")))
                    .append(".\n");
        }
    }
}
