package dev.polder.cli.demo;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.cli.CommandLines;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What the demo says when it cannot run: one sentence, exit code 2, no stack trace.
class BadInputTest {

    @TempDir
    private Path dir;

    @Test
    void aMissingInput() {
        refused("does not exist", "--input", dir.resolve("nothing").toString());
    }

    @Test
    void anInputThatIsNoDirectory() throws IOException {
        Path file = Files.writeString(dir.resolve("file"), "x");
        refused("is not a directory", "--input", file.toString());
    }

    @Test
    void anEmptyInput() throws IOException {
        Path empty = Files.createDirectories(dir.resolve("empty/deep"));
        Files.createFile(empty.resolve("of no bytes"));
        refused("There is no readable file", "--input", dir.resolve("empty").toString());
    }

    @Test
    void aBudgetBelowTheMinimum() {
        refused("--budget 8.0 MiB is below the minimum of 64.0 MiB", "--budget", "8m");
        refused("--budget 0 B is below the minimum", "--budget", "0");
    }

    @Test
    void optionsThatMakeNoSense() {
        refused("'much' is not a size; write it as in 96m", "--budget", "much");
        refused("--seconds must be 1 to 3600", "--seconds", "0");
        refused("--seconds must be 1 to 3600", "--seconds", "NaN");
        refused("--rounds must be 1 to 100", "--rounds", "-1");
        refused("--break knows only 'noio', not 'all'", "--break=all");
        refused("'--rounds'", "--rounds", "two");
        refused("--nonsense", "--nonsense");
    }

    @Test
    void placesThatCannotBeWrittenTo() {
        String nowhere = dir.resolve("nowhere/file").toString();
        refused("--json " + nowhere, "--json", nowhere);
        refused("--report " + dir + " is a directory", "--report", dir.toString());
        refused("does not exist; name another with --work-dir", "--work-dir",
                dir.resolve("nowhere").toString());
        refused("Cannot write to /proc", "--work-dir", "/proc");
    }

    @Test
    void helpIsShortAndNamesTheDemo() {
        CommandLines.Said help = CommandLines.run();
        assertThat(help.exit()).isZero();
        assertThat(help.out()).contains("polder demo", "check", "--help").hasLineCount(16);
        assertThat(CommandLines.run("--help").out()).isEqualTo(help.out());
        assertThat(CommandLines.run("demo", "--help").out()).contains("--budget", "--seconds",
                "--input", "--rounds", "--json", "--report", "--break", "--check",
                "--seed", "--work-dir");
    }

    private void refused(String sentence, String... options) {
        String[] arguments = new String[options.length + 1];
        arguments[0] = "demo";
        System.arraycopy(options, 0, arguments, 1, options.length);
        CommandLines.Said said = CommandLines.run(arguments);
        assertThat(said.exit()).as(said.err()).isEqualTo(2);
        assertThat(said.err()).contains(sentence).doesNotContain("Exception", "\tat ");
        assertThat(said.err().lines().count()).isLessThanOrEqualTo(2);
    }
}
