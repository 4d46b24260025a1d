package dev.polder.testkit;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// The list of the specification's rows and the tests that prove them: `docs/conformance.md`. It
/// opens with the statements of the documents that Polder began with, and the places where Linux
/// falls short.
///
/// The rows stand in the resource `rows.csv`, the marks ([Row]) in the modules' compiled tests.
/// Both are read as data; no test class is loaded.
public final class ConformanceList {

    private static final String ROW = Row.class.getName();
    private static final String FALLS_SHORT = FallsShort.class.getName();

    /// Where the demo's figures are defined.
    private static final String FIGURES =
            "polder-cli/src/main/java/dev/polder/cli/report/Figure.java";

    /// An annotation whose simple name ends so makes a method a test.
    private static final Set<String> TESTS = Set.of(
            "Test", "ParameterizedTest", "RepeatedTest", "TestFactory", "TestTemplate", "Property");

    private final Map<String, CatalogueRow> catalogue = new LinkedHashMap<>();
    private final Map<String, String> sections = new LinkedHashMap<>();
    private final Map<String, NavigableSet<String>> tests = new TreeMap<>();
    private final List<String> problems = new ArrayList<>();
    private final Recordings recordings = new Recordings();

    private final Statements statements;
    private final Mended mended;

    private record CatalogueRow(
            String id, boolean core, String applies, String title, String reason) {}

    private ConformanceList(Statements statements, Mended mended) {
        this.statements = statements;
        this.mended = mended;
        for (TruthRow row : Csv.rows("rows.csv", resource("/rows.csv"))) {
            String id = row.get("id");
            String title = row.get("title");
            if (id.length() == 1) {
                sections.put(id, title);
            } else {
                catalogue.put(id, new CatalogueRow(id, row.get("core").equals("yes"),
                        row.get("applies"), title, row.get("reason")));
            }
        }
    }

    /// Reads the marks of all modules' compiled tests, and the recorded rows that deviate by a
    /// rule.
    public static ConformanceList of(Repository repository) {
        return of(repository, resource("/statements.csv"), resource("/falls-short.csv"));
    }

    /// The same with other catalogues of statements and places.
    static ConformanceList of(Repository repository, String statements, String fallsShort) {
        ConformanceList list =
                new ConformanceList(new Statements(statements), new Mended(fallsShort));
        for (Path module : repository.modules()) {
            Path sources = module.resolve("src/test");
            Path classes = module.resolve("target/test-classes");
            if (Files.isDirectory(classes)) {
                ClassFile.below(classes).forEach(list::addClass);
            } else if (Files.isDirectory(sources) && holdsMarks(sources)) {
                list.problems.add("the tests of " + module.getFileName()
                        + " are not compiled; build all modules at once");
            }
            if (Files.isDirectory(sources)) {
                list.recordings.add(sources);
            }
            Path product = module.resolve("target/classes");
            if (Files.isDirectory(product)) {
                ClassFile.below(product).forEach(list.statements::product);
            }
        }
        list.statements.figures(text(repository.root().resolve(FIGURES)));
        return list;
    }

    /// What is wrong with the marks; empty when all is well.
    public List<String> problems() {
        List<String> all = new ArrayList<>(problems);
        all.addAll(statements.problems());
        all.addAll(mended.problems());
        return List.copyOf(all);
    }

    /// The ids of the rows that have a test.
    public NavigableSet<String> tested() {
        return new TreeSet<>(tests.keySet());
    }

    /// The ids of the rows that can be tested here, in the order of the catalogue.
    public List<String> applicable() {
        return catalogue.values().stream()
                .filter(r -> !r.applies.equals("no"))
                .map(CatalogueRow::id)
                .toList();
    }

    /// The document's text.
    public String markdown() {
        StringBuilder text = new StringBuilder();
        text.append("# Conformance: the rows and their tests\n\n")
                .append("Generated from the `@Row` marks of the tests; how: ")
                .append("[dev/testing.md](dev/testing.md). Do not edit.\n");
        statements.append(text);
        mended.append(text);
        recordings.append(text);
        text.append("\n## The rows\n\n");
        appendSummary(text);
        sections.forEach((letter, title) -> {
            text.append("\n## ").append(letter).append(". ").append(title).append("\n\n")
                    .append("| row | core | what holds | tests |\n|---|---|---|---|\n");
            catalogue.values().stream()
                    .filter(r -> r.id.startsWith(letter))
                    .forEach(r -> appendRow(text, r));
        });
        return text.toString();
    }

    private void appendSummary(StringBuilder text) {
        long core = catalogue.values().stream().filter(this::isDue).count();
        long coreTested = catalogue.values().stream()
                .filter(r -> isDue(r) && tests.containsKey(r.id)).count();
        long beyond = catalogue.values().stream()
                .filter(r -> !isDue(r) && tests.containsKey(r.id)).count();
        long absent = catalogue.values().stream().filter(r -> r.applies.equals("no")).count();
        text.append("Of ").append(catalogue.size()).append(" rows ").append(absent)
                .append(" do not apply to a JVM program. Of the ").append(core)
                .append(" rows of the core set that do, ").append(coreTested)
                .append(" have tests; so have ").append(beyond).append(" further rows.\n");
    }

    private boolean isDue(CatalogueRow row) {
        return row.core && !row.applies.equals("no");
    }

    private void appendRow(StringBuilder text, CatalogueRow row) {
        NavigableSet<String> proofs = tests.getOrDefault(row.id, new TreeSet<>());
        text.append("| ").append(row.id).append(" | ").append(row.core ? "yes" : "").append(" | ")
                .append(row.title);
        if (!row.applies.equals("yes")) {
            text.append(row.applies.equals("no") ? ". *Not applicable: " : ". *In part: ")
                    .append(row.reason).append(".*");
        }
        text.append(" | ");
        if (!proofs.isEmpty()) {
            text.append(proofs.stream().map(p -> "`" + p + "`").collect(Collectors.joining(", ")));
        } else if (row.applies.equals("no")) {
            text.append("—");
        } else {
            text.append("none yet");
        }
        text.append(" |\n");
    }

    private void addClass(ClassFile file) {
        boolean hasTests = false;
        for (ClassFile.Method method : file.methods()) {
            boolean isTest = method.annotations().stream()
                    .map(a -> a.type().substring(a.type().lastIndexOf('.') + 1))
                    .anyMatch(TESTS::contains);
            String name = file.simpleName() + "." + method.name();
            addMarks(method.annotations(), name, isTest);
            hasTests |= isTest;
            if (isTest) {
                statements.test(name);
            }
        }
        addMarks(file.annotations(), file.simpleName(), true);
        if (hasTests) {
            statements.test(file.simpleName());
        }
    }

    private void addMarks(List<ClassFile.Annotation> annotations, String test, boolean isTest) {
        for (ClassFile.Annotation mark : annotations) {
            boolean isRow = mark.type().equals(ROW);
            if (!isRow && !mark.type().equals(FALLS_SHORT)) {
                continue;
            }
            if (!isTest) {
                problems.add(test + " is marked with a row and is no test");
            }
            for (String id : mark.strings().getOrDefault("value", List.of())) {
                if (!isRow) {
                    mended.mark(id, test);
                    continue;
                }
                CatalogueRow row = catalogue.get(id);
                if (row == null) {
                    problems.add(test + " names row " + id + ", which does not exist");
                } else if (row.applies.equals("no")) {
                    problems.add(test + " names row " + id + ", which does not apply");
                } else {
                    tests.computeIfAbsent(id, i -> new TreeSet<>()).add(test);
                }
            }
        }
    }

    /// Benchmarks, say, have none, and are built after the list is made, or not at all.
    private static boolean holdsMarks(Path sources) {
        try (Stream<Path> walk = Files.walk(sources)) {
            return walk.filter(f -> f.toString().endsWith(".java")).map(ConformanceList::text)
                    .anyMatch(t -> t.contains("@Row(") || t.contains("@FallsShort("));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String text(Path file) {
        try {
            return Files.isRegularFile(file) ? Files.readString(file) : "";
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String resource(String name) {
        try (InputStream in = ConformanceList.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IllegalStateException("no resource " + name);
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
