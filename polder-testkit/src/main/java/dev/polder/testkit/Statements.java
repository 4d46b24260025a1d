package dev.polder.testkit;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/// The statements of the documents that Polder began with, each with the class that makes it true,
/// the tests that show it, and the figure of the demo that counts it: the catalogue
/// `statements.csv`. Names are checked against what is there.
final class Statements {

    private final List<TruthRow> rows;
    private final Set<String> classes = new TreeSet<>();
    private final Set<String> methods = new TreeSet<>();
    private final Set<String> tests = new TreeSet<>();
    private String figures = "";

    /// The statements in the text of a catalogue.
    Statements(String csv) {
        this.rows = Csv.rows("statements.csv", csv);
    }

    /// A class of the product is there.
    void product(ClassFile file) {
        String name = file.simpleName();
        classes.add(name);
        file.methods().forEach(m -> methods.add(name + "." + m.name()));
    }

    /// A test is there: a class, or a class and a method.
    void test(String name) {
        tests.add(name);
    }

    /// The text in which the demo's figures are defined, each key in quotes.
    void figures(String source) {
        figures = source;
    }

    /// Names in the catalogue that mean nothing.
    List<String> problems() {
        List<String> problems = new ArrayList<>();
        for (TruthRow row : rows) {
            if (isTitle(row)) {
                continue;
            }
            String id = "statement " + row.get("id");
            String where = row.get("class");
            if (!classes.contains(where) && !methods.contains(where)) {
                problems.add(id + " names " + where + ", which does not exist");
            }
            for (String test : tests(row)) {
                if (!tests.contains(test)) {
                    problems.add(id + " names " + test + ", which is no test");
                }
            }
            String counter = row.get("counter");
            if (!counter.isEmpty() && !figures.contains('"' + counter + '"')) {
                problems.add(id + " names " + counter + ", which the demo does not report");
            }
        }
        return problems;
    }

    /// The tables, one a document.
    void append(StringBuilder text) {
        for (TruthRow row : rows) {
            if (isTitle(row)) {
                text.append("\n## What the documents say: ").append(row.get("statement"))
                        .append("\n\n| | statement | class | tests | figure of the demo |\n")
                        .append("|---|---|---|---|---|\n");
            } else {
                text.append("| ").append(row.get("id")).append(" | ")
                        .append(row.get("statement")).append(" | ").append(code(row.get("class")))
                        .append(" | ")
                        .append(tests(row).stream().map(Statements::code)
                                .collect(Collectors.joining(", ")))
                        .append(" | ").append(code(row.get("counter"))).append(" |\n");
            }
        }
    }

    private static boolean isTitle(TruthRow row) {
        return row.get("id").length() == 1;
    }

    private static List<String> tests(TruthRow row) {
        return Arrays.asList(row.get("tests").split(";", -1));
    }

    private static String code(String name) {
        return name.isEmpty() ? "" : "`" + name + "`";
    }
}
