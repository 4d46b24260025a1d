package dev.polder.testkit;

import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.TreeMap;
import java.util.TreeSet;

/// The order of a module's packages: which one may use which, proved from the class files.
///
/// The order is a table, a line a package, in which the packages that it uses are listed exactly:
///
/// ```text
/// L0 (gfp)
/// L0 base
/// L1 os: base gfp
/// ```
///
/// A package may use strictly lower layers only, never a sibling. Parentheses mark a package of
/// another module: it may be used, its own classes are not looked at. A use that is not listed
/// fails, and so does a listed one that does not occur, so that the table is always the picture of
/// the code.
public final class Layering {

    private final String root;
    private final Map<String, Line> table = new LinkedHashMap<>();
    private final NavigableSet<String> foreign = new TreeSet<>();

    private record Line(int layer, boolean elsewhere, NavigableSet<String> uses) {}

    private Layering(String root) {
        this.root = root;
    }

    /// Reads a table whose names are packages below `root`; the last part of `root` stands for
    /// itself.
    ///
    /// @throws IllegalArgumentException when a line is malformed, or lists a package that is not in
    ///     a strictly lower layer
    public static Layering of(String root, String table) {
        Layering layering = new Layering(root);
        table.lines().map(String::strip).filter(l -> !l.isEmpty()).forEach(layering::addLine);
        layering.table.forEach(layering::requireLower);
        return layering;
    }

    /// Permits classes whose names begin so, for every package: the outer world, as in `java.`.
    public Layering permit(String... prefixes) {
        foreign.addAll(List.of(prefixes));
        return this;
    }

    /// The folder of class files that a class was loaded from.
    public static Path classesOf(Class<?> type) {
        try {
            return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI());
        } catch (URISyntaxException e) {
            throw new IllegalArgumentException("no folder holds " + type, e);
        }
    }

    /// Compares the class files below a folder with the table.
    ///
    /// @param atLeast how many classes there must be, so that an empty folder cannot pass
    /// @throws AssertionError naming every difference
    public void check(Path classes, int atLeast) {
        List<ClassFile> files = ClassFile.below(classes);
        List<String> violations = new ArrayList<>();
        if (files.size() < atLeast) {
            violations.add("only " + files.size() + " classes below " + classes + ", expected "
                    + atLeast + " or more: is it compiled?");
        }
        Map<String, NavigableSet<String>> seen = new TreeMap<>();
        for (ClassFile file : files) {
            check(file, seen, violations);
        }
        compareWithTable(seen, violations);
        if (!violations.isEmpty()) {
            throw new AssertionError(
                    "the layers do not hold:\n  " + String.join("\n  ", violations));
        }
    }

    private void addLine(String text) {
        String[] halves = text.split(":", -1);
        String[] head = halves[0].strip().split("\\s+", -1);
        if (halves.length > 2 || head.length != 2 || !head[0].matches("L\\d")) {
            throw new IllegalArgumentException("not of the form 'L2 zone: base os': " + text);
        }
        boolean elsewhere = head[1].startsWith("(");
        String name = elsewhere ? head[1].substring(1, head[1].length() - 1) : head[1];
        NavigableSet<String> uses = new TreeSet<>();
        if (halves.length == 2 && !halves[1].isBlank()) {
            uses.addAll(List.of(halves[1].strip().split("\\s+", -1)));
        }
        int layer = Integer.parseInt(head[0].substring(1));
        if (table.put(name, new Line(layer, elsewhere, uses)) != null) {
            throw new IllegalArgumentException("two lines for " + name);
        }
    }

    private void requireLower(String name, Line line) {
        for (String used : line.uses) {
            Line lower = table.get(used);
            if (lower == null || lower.layer >= line.layer) {
                throw new IllegalArgumentException("the table lets " + name + " use " + used
                        + ", which is in no lower layer");
            }
        }
    }

    private void check(
            ClassFile file, Map<String, NavigableSet<String>> seen, List<String> violations) {
        String user = shortName(file.packageName());
        NavigableSet<String> uses = seen.computeIfAbsent(user, u -> new TreeSet<>());
        for (String mentioned : file.mentioned()) {
            String used = ClassFile.packageOf(mentioned);
            if (!isOurs(used)) {
                if (foreign.stream().noneMatch(mentioned::startsWith)) {
                    violations.add(file.name() + " uses " + mentioned + ", which is not permitted");
                }
            } else if (!used.equals(file.packageName()) && uses.add(shortName(used))) {
                explain(file, user, mentioned, shortName(used), violations);
            }
        }
    }

    /// Says what is wrong with the first use of one package by another, when something is.
    private void explain(
            ClassFile file, String user, String mentioned, String used, List<String> violations) {
        Line from = table.get(user);
        Line to = table.get(used);
        if (from == null || to == null || from.uses.contains(used)) {
            return;         // packages without a line are told of once, by compareWithTable
        }
        String what = to.layer < from.layer ? "downward, but not listed"
                : to.layer == from.layer ? "sideways" : "upward";
        violations.add(file.name() + " uses " + mentioned + ": " + what
                + " (L" + from.layer + " " + user + ", L" + to.layer + " " + used + ")");
    }

    private void compareWithTable(Map<String, NavigableSet<String>> seen, List<String> violations) {
        NavigableSet<String> unknown = new TreeSet<>(seen.keySet());
        seen.values().forEach(unknown::addAll);
        unknown.removeAll(table.keySet());
        unknown.forEach(name -> violations.add("package " + name + " has no line in the table"));
        table.forEach((name, line) -> {
            NavigableSet<String> uses = seen.get(name);
            if (line.elsewhere) {
                return;
            }
            if (uses == null) {
                violations.add("package " + name + " is in the table and has no class");
            } else if (!uses.equals(line.uses)) {
                violations.add("the line for " + name + ", after the code: L" + line.layer + " "
                        + name + ": " + String.join(" ", uses));
            }
        });
    }

    private boolean isOurs(String packageName) {
        return packageName.equals(root) || packageName.startsWith(root + ".");
    }

    private String shortName(String packageName) {
        return packageName.equals(root)
                ? root.substring(root.lastIndexOf('.') + 1)
                : packageName.substring(root.length() + 1);
    }
}
