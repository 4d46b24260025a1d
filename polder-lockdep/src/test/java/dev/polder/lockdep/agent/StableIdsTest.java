package dev.polder.lockdep.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.lockdep.Check;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The id of a bug is the same after an edit that moves its lines, so a suppression written before
/// the edit still holds; another bug has another id. Programs are compiled, run and checked as a
/// user would.
class StableIdsTest {
    /// Two bugs: a field's lock with a monitor, and two locks that only their place of creation
    /// names.
    private static final String PROGRAM = """
            package app;
            import java.util.concurrent.locks.*;
            public final class Program {
                private static final ReentrantLock INDEX = new ReentrantLock();
                private static final class Cache {}
                private static final Cache CACHE = new Cache();
                private static final class Journal {}
                private static final Journal JOURNAL = new Journal();
                static void update() {
                    INDEX.lock();
                    try {
                        synchronized (CACHE) { INDEX.getHoldCount(); }
                    } finally { INDEX.unlock(); }
                }
                static void evict() {
                    synchronized (CACHE) { INDEX.lock(); INDEX.unlock(); }
                }
                static void both(Lock a, Lock b) {
                    a.lock(); b.lock(); b.unlock(); a.unlock();
                }
                static void made() {
                    Lock[] two = {new ReentrantLock(), new ReentrantReadWriteLock().writeLock()};
                    both(two[0], two[1]);
                    both(two[1], two[0]);
                }
                public static void main(String[] args) { update(); evict(); made(); }
            }
            """;

    @TempDir
    private static Path folder;

    @BeforeAll
    static void jar() throws IOException {
        AgentJar.make(folder);
    }

    @AfterAll
    static void forget() {
        AgentJar.forget();
    }

    @Test
    void linesMayMoveAndAnotherBugIsAnother() throws Exception {
        Path first = compiled("first", PROGRAM);
        List<String> ids = ids(first);
        assertThat(ids).hasSize(2);
        assertThat(ids(first)).as("a second run").isEqualTo(ids);
        Path moved = compiled("moved", "// a licence\n\n\n" + PROGRAM.replace("    static void",
                "\n    // a comment\n\n    static void").replace("; ", ";\n\n        "));
        assertThat(lines(moved)).doesNotContainAnyElementsOf(lines(first));
        assertThat(ids(moved)).as("every line has moved").isEqualTo(ids);
        assertThat(ids(compiled("other", PROGRAM.replace("synchronized (CACHE)",
                "synchronized (JOURNAL)")))).as("one bug is another, one is the same")
                .hasSize(2).isNotEqualTo(ids).containsAnyElementsOf(ids);
    }

    @Test
    void aSuppressionOutlivesAnEdit() throws Exception {
        StringBuilder accepted = new StringBuilder();
        for (String id : ids(compiled("before", PROGRAM))) {
            accepted.append(id).append("  nothing else runs then\n");
        }
        Path file = Files.writeString(folder.resolve("accepted.txt"), accepted);
        Path after = compiled("after", "\n\n\n\n" + PROGRAM);
        assertThat(check(after).suppress(file).report(folder.resolve("quiet.json"))
                .run(_ -> { })).isZero();
    }

    private static Path compiled(String name, String source) throws IOException {
        Path classes = Files.createDirectories(folder.resolve(name));
        Path file = Files.writeString(classes.resolve("Program.java"), source);
        int code = Objects.requireNonNull(ToolProvider.getSystemJavaCompiler(), "no JDK")
                .run(null, null, null, "-d", classes.toString(), file.toString());
        assertThat(code).isZero();
        return classes;
    }

    private static Check check(Path classes) {
        return new Check(List.of(AgentJar.java(), "-XX:TieredStopAtLevel=1", "-cp",
                classes.toString(), "app.Program"));
    }

    private static String report(Path classes) throws IOException, InterruptedException {
        Path report = folder.resolve(classes.getFileName() + ".txt");
        assertThat(check(classes).report(report).run(_ -> { })).isEqualTo(Check.FOUND);
        return Files.readString(report);
    }

    private static List<String> ids(Path classes) throws IOException, InterruptedException {
        return all(report(classes), "\\[([0-9a-f]{8})]");
    }

    /// Where the locks were taken, as the report tells it.
    private static List<String> lines(Path classes) throws IOException, InterruptedException {
        return all(report(classes), "(Program\\.java:\\d+)");
    }

    private static List<String> all(String text, String pattern) {
        TreeSet<String> found = new TreeSet<>();
        Matcher m = Pattern.compile(pattern).matcher(text);
        while (m.find()) {
            found.add(m.group(1));
        }
        return List.copyOf(found);
    }
}
