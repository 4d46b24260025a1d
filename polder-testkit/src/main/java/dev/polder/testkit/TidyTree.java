package dev.polder.testkit;

import com.sun.source.tree.AnnotationTree;
import com.sun.source.tree.ClassTree;
import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.tree.ImportTree;
import com.sun.source.tree.MemberSelectTree;
import com.sun.source.tree.MethodTree;
import com.sun.source.tree.Tree;
import com.sun.source.util.TreePathScanner;
import com.sun.source.util.Trees;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import javax.lang.model.element.Modifier;
import org.jspecify.annotations.Nullable;

/// The rules of [Tidy] that need one file's syntax tree.
final class TidyTree extends TreePathScanner<@Nullable Void, @Nullable Void> {

    /// A name that main or test code does not use, where it may be used nevertheless, and why not.
    private record Ban(Pattern name, String allowed, String reason) {}

    private static final String NOWHERE = "(?!)";

    /// Modules that are commands, and what is not main code.
    private static final String COMMANDS = "polder-(cli|bench)/.*|.*/src/(?!main/).*";

    /// Names are matched as they are written, with the class before the dot.
    private static final List<Ban> BANS = List.of(
            new Ban(Pattern.compile("System\\.(out|err)"), COMMANDS,
                    "a library does not print"),
            new Ban(Pattern.compile("System\\.exit"), COMMANDS,
                    "a library does not end the program"),
            new Ban(Pattern.compile("\\w+\\.printStackTrace"), NOWHERE,
                    "report through PolderEvents, or let it fly"),
            new Ban(Pattern.compile("(Thread|.*TimeUnit\\.\\w+|\\w*SECONDS)\\.sleep"), NOWHERE,
                    "wait for the event; time passes on the Clock only"),
            new Ban(Pattern.compile("LockSupport\\.park\\w*|System\\.(nanoTime|currentTimeMillis)"),
                    "polder-core/src/main/java/dev/polder/os/.*|(?!polder-core/src/main/).*",
                    "the manager's time is the Clock's"),
            new Ban(Pattern.compile("(sun\\.misc|jdk\\.internal)\\.\\w+.*"), NOWHERE,
                    "the JDK's internals are not ours"),
            new Ban(Pattern.compile("Thread\\.(stop|suspend|resume)"), NOWHERE,
                    "Polder stops nobody"));

    private static final Set<String> BAGS =
            Set.of("Util", "Utils", "Helper", "Helpers", "Common", "Misc");

    /// Takes what is wrong on a line.
    interface Reporter {
        void report(long line, String what);
    }

    private final Trees trees;
    private final CompilationUnitTree unit;
    private final String file;
    private final Reporter reporter;

    TidyTree(Trees trees, CompilationUnitTree unit, String file, Reporter reporter) {
        this.trees = trees;
        this.unit = unit;
        this.file = file;
        this.reporter = reporter;
    }

    @Override
    public @Nullable Void visitMethod(MethodTree method, @Nullable Void unused) {
        long lines = lastLine(method) - firstLine(method) + 1;
        if (lines > Tidy.METHOD_LINES) {
            report(method, "method " + method.getName() + " has " + lines + " lines");
        }
        return super.visitMethod(method, null);
    }

    @Override
    public @Nullable Void visitClass(ClassTree type, @Nullable Void unused) {
        String name = type.getSimpleName().toString();
        if (BAGS.stream().anyMatch(name::endsWith)) {
            report(type, name + " is a bag; name the thing that it is");
        }
        Tree around = getCurrentPath().getParentPath().getLeaf();
        if (around instanceof CompilationUnitTree && file.contains("/src/main/")) {
            checkTopLevel(type);
        }
        return super.visitClass(type, null);
    }

    /// Whether it is a state of JMH, which makes a subclass of each.
    private static boolean isExtendedByItsTool(ClassTree type) {
        return type.getModifiers().getAnnotations().stream()
                .anyMatch(a -> a.getAnnotationType().toString().equals("State"));
    }

    private void checkTopLevel(ClassTree type) {
        Set<Modifier> flags = type.getModifiers().getFlags();
        if (type.getKind() == Tree.Kind.CLASS && !flags.contains(Modifier.FINAL)
                && !flags.contains(Modifier.ABSTRACT) && !flags.contains(Modifier.SEALED)
                && !isExtendedByItsTool(type)) {
            report(type, "class " + type.getSimpleName() + " is open to extension; make it final");
        }
        if (trees.getDocComment(getCurrentPath()) == null) {
            report(type, type.getSimpleName() + " is not described");
        }
    }

    @Override
    public @Nullable Void visitAnnotation(AnnotationTree annotation, @Nullable Void unused) {
        if (annotation.getAnnotationType().toString().endsWith("Disabled")) {
            report(annotation, "a test that is switched off proves nothing");
        }
        return super.visitAnnotation(annotation, null);
    }

    @Override
    public @Nullable Void visitMemberSelect(MemberSelectTree select, @Nullable Void unused) {
        for (Ban ban : BANS) {
            if (ban.name.matcher(select.toString()).matches() && !file.matches(ban.allowed)) {
                report(select, select + ": " + ban.reason);
                return null;
            }
        }
        return super.visitMemberSelect(select, null);
    }

    @Override
    public @Nullable Void visitImport(ImportTree imported, @Nullable Void unused) {
        if (imported.getQualifiedIdentifier().toString().endsWith(".*")) {
            report(imported, "import each name");
        }
        return super.visitImport(imported, null);
    }

    private void report(Tree tree, String what) {
        reporter.report(firstLine(tree), what);
    }

    private long firstLine(Tree tree) {
        long position = trees.getSourcePositions().getStartPosition(unit, tree);
        return unit.getLineMap().getLineNumber(position);
    }

    private long lastLine(Tree tree) {
        long position = trees.getSourcePositions().getEndPosition(unit, tree);
        return unit.getLineMap().getLineNumber(position);
    }
}
