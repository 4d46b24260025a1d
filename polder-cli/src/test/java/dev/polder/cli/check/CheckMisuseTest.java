package dev.polder.cli.check;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.cli.CommandLines;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What `polder check` says when it cannot run: exit code 2, a sentence, nothing was started.
class CheckMisuseTest {

    @TempDir
    private Path dir;

    @Test
    void noProgram() {
        refused("no program to run: put it after --", List.of());
        refused("no program to run: put it after --", List.of("--rules", "spark", "--"));
    }

    @Test
    void optionsThatMakeNoSense() {
        refused("Unknown option", List.of("--ruels", "spark", "--", "java", "X"));
        refused("'--rules'", List.of("--rules"));
        refused("n from 1, not 0", List.of("--force", "0", "--", "java", "X"));
        refused("'--force'", List.of("--force", "all", "--", "java", "X"));
        refused("commas", List.of("--exclude", "a.b,c.d", "--", "java", "X"));
    }

    @Test
    void anUnknownPackListsThePacks() {
        refused("no rule pack 'sparc': there is no such file, and the packs that come along are "
                + "polder, spark, arrow, netty, caffeine, flink, cassandra",
                List.of("--rules", "sparc", "--", "java", "X"));
    }

    @Test
    void aWrongRuleIsNamedByItsLine() throws IOException {
        Path rules = Files.writeString(dir.resolve("my.rules"), "# mine\nallocs a.B#c\n");
        refused(rules + ":2: 'allocs' is no rule; there are alloc,",
                List.of("--rules", rules.toString(), "--", "java", "X"));
        Files.write(rules, new byte[] {'#', '\n', '#', '\n', (byte) 0xFF, '\n'});
        refused(rules + ":3: this is no UTF-8 text",
                List.of("--rules", rules.toString(), "--", "java", "X"));
        refused(dir + "/none cannot be read: there is no such file",
                List.of("--suppress", dir + "/none", "--", "java", "X"));
        refused(dir + " cannot be read: it is a directory",
                List.of("--suppress", dir.toString(), "--", "java", "X"));
    }

    @Test
    void aReportThatCannotBeWritten() {
        refused("cannot be written to " + dir.resolve("no/out.txt") + ": " + dir.resolve("no")
                + " is no directory", List.of("--report", dir + "/no/out.txt", "--", "java", "X"));
        refused("cannot be written to " + dir + ": it is a directory",
                List.of("--report", dir.toString(), "--", "java", "X"));
    }

    @Test
    void aProgramThatIsNoJava() {
        refused("'gradle' is not java", List.of("--", "gradle", "test"));
        refused("'" + dir + "/java' does not run; the agent needs a JVM of release 25 or newer",
                List.of("--", dir + "/java", "X"));
    }

    @Test
    void anOldJavaIsToldWhatWorksWhere() throws IOException {
        Path old = Files.writeString(dir.resolve("java"), """
                #!/bin/sh
                echo 'openjdk version "1.8.0_402"' >&2
                """);
        assertThat(old.toFile().setExecutable(true)).isTrue();
        refused(old + " is release 8; the agent needs a JVM of release 25 or newer. What it "
                + "watches may be compiled for any release", List.of("--", old.toString(), "X"));
    }

    private static void refused(String sentence, List<String> options) {
        List<String> arguments = new ArrayList<>(List.of("check"));
        arguments.addAll(options);
        CommandLines.Said said = CommandLines.run(arguments.toArray(String[]::new));
        assertThat(said.exit()).as(said.err()).isEqualTo(2);
        assertThat(said.err()).contains(sentence).doesNotContain("Exception", "\tat ");
    }
}
