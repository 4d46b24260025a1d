package dev.polder.testkit;

import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.util.JavacTask;
import com.sun.source.util.Trees;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

/// The house rules that a machine can check, over every Java source of the repository.
///
/// Lengths and leftovers are found in the text; what needs to know where a method begins or what a
/// name stands for is found in the syntax tree of javac ([TidyTree]), never with patterns over the
/// text.
public final class Tidy {

    static final int LINE_LENGTH = 100;
    static final int FILE_LINES = 700;
    static final int METHOD_LINES = 70;

    /// Marks of unfinished work; split, so that this file does not carry them.
    private static final Pattern UNFINISHED =
            Pattern.compile("\\b(TO" + "DO|FIX" + "ME|XX" + "X)\\b");

    private final Repository repository;
    private final List<String> violations = new ArrayList<>();
    private int files;

    private Tidy(Repository repository) {
        this.repository = repository;
    }

    /// Looks at all sources of the modules, tests among them.
    ///
    /// @param atLeast how many files there must be, so that a wrong folder cannot pass
    /// @throws AssertionError naming each broken rule with its file and line
    public static void check(Repository repository, int atLeast) {
        Tidy tidy = new Tidy(repository);
        for (Path module : repository.modules()) {
            tidy.checkModule(module);
        }
        if (tidy.files < atLeast) {
            tidy.violations.add("only " + tidy.files + " sources below " + repository.root()
                    + ", expected " + atLeast + " or more");
        }
        if (!tidy.violations.isEmpty()) {
            throw new AssertionError("not tidy:\n  " + String.join("\n  ", tidy.violations));
        }
    }

    private void checkModule(Path module) {
        List<Path> sources;
        try (Stream<Path> walk = Files.walk(module.resolve("src"))) {
            sources = walk.filter(f -> f.toString().endsWith(".java")).sorted().toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        files += sources.size();
        sources.forEach(this::checkText);
        checkPackages(sources);
        checkTrees(sources);
    }

    private void checkText(Path source) {
        List<String> lines = read(source).lines().toList();
        if (lines.size() > FILE_LINES) {
            report(source, FILE_LINES, "the file has " + lines.size() + " lines");
        }
        for (int i = 0; i < lines.size(); i++) {
            String line = lines.get(i);
            int length = line.codePointCount(0, line.length());
            if (length > LINE_LENGTH) {
                report(source, i + 1, "the line has " + length + " characters");
            }
            if (line.indexOf('\t') >= 0) {
                report(source, i + 1, "a tab");
            }
            if (!line.equals(line.stripTrailing())) {
                report(source, i + 1, "white space at the end of the line");
            }
            if (UNFINISHED.matcher(line).find()) {
                report(source, i + 1, "a mark of unfinished work");
            }
        }
    }

    /// Every package of main code has a description and is null-marked.
    private void checkPackages(List<Path> sources) {
        sources.stream()
                .filter(f -> repository.nameOf(f).contains("/src/main/"))
                .map(Path::getParent)
                .distinct()
                .filter(folder -> !isModuleRoot(folder))
                .forEach(this::checkPackage);
    }

    private static boolean isModuleRoot(Path folder) {
        return folder.getFileName().toString().startsWith("java");
    }

    private void checkPackage(Path folder) {
        Path description = folder.resolve("package-info.java");
        if (!Files.exists(description)) {
            report(description, 1, "the package is not described");
            return;
        }
        String text = read(description);
        if (!text.startsWith("///") && !text.startsWith("/**")) {
            report(description, 1, "the package is not described");
        }
        if (!text.contains("@NullMarked")) {
            report(description, 1, "the package is not @NullMarked");
        }
    }

    private void checkTrees(List<Path> sources) {
        JavaCompiler javac = ToolProvider.getSystemJavaCompiler();
        try (StandardJavaFileManager manager =
                javac.getStandardFileManager(null, null, StandardCharsets.UTF_8)) {
            JavacTask task = (JavacTask) javac.getTask(null, manager,
                    d -> violations.add(String.valueOf(d)), List.of("-proc:none"), null,
                    manager.getJavaFileObjectsFromPaths(sources));
            Trees trees = Trees.instance(task);
            for (CompilationUnitTree unit : task.parse()) {
                Path source = Path.of(unit.getSourceFile().toUri());
                new TidyTree(trees, unit, repository.nameOf(source), (line, what) ->
                        report(source, line, what)).scan(unit, null);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void report(Path source, long line, String what) {
        violations.add(repository.nameOf(source) + ":" + line + ": " + what);
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
