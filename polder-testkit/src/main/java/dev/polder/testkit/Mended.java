package dev.polder.testkit;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.TreeSet;
import java.util.stream.Collectors;

/// The places where Linux, as recorded, falls short, and the tests that show them mended: the
/// catalogue `falls-short.csv` and the marks [FallsShort].
final class Mended {

    private final Map<String, TruthRow> places = new LinkedHashMap<>();
    private final Map<String, NavigableSet<String>> tests = new LinkedHashMap<>();
    private final List<String> problems = new ArrayList<>();

    /// The places in the text of a catalogue.
    Mended(String csv) {
        for (TruthRow row : Csv.rows("falls-short.csv", csv)) {
            places.put(row.get("number"), row);
            tests.put(row.get("number"), new TreeSet<>());
        }
    }

    /// A test is marked with a place.
    void mark(String number, String test) {
        NavigableSet<String> of = tests.get(number);
        if (of == null) {
            problems.add(test + " names place " + number + ", which does not exist");
        } else {
            of.add(test);
        }
    }

    /// Marks that mean nothing, and places without a test.
    List<String> problems() {
        List<String> all = new ArrayList<>(problems);
        tests.forEach((number, of) -> {
            if (of.isEmpty()) {
                all.add("place " + number + ", where Linux falls short, has no test");
            }
        });
        return all;
    }

    /// The table; nothing if the catalogue is empty.
    void append(StringBuilder text) {
        if (places.isEmpty()) {
            return;
        }
        text.append("\n## Where Linux falls short, and Polder does not\n\n")
                .append("Seen in the recordings from running kernels.\n\n")
                .append("| | Linux | Polder | tests |\n|---|---|---|---|\n");
        places.forEach((number, row) -> text.append("| ").append(number).append(" | ")
                .append(row.get("linux")).append(" | ").append(row.get("polder")).append(" | ")
                .append(tests.getOrDefault(number, new TreeSet<>()).stream()
                        .map(t -> "`" + t + "`").collect(Collectors.joining(", ")))
                .append(" |\n"));
    }
}
