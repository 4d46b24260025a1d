package dev.polder.house;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.testkit.Repository;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The README's first program: short, and it runs with the line that the README gives.
@Tag("built-tree")
class ReadmeTest {

    private static final int PROGRAM_LINES = 15;

    private final Path root = Repository.here().root();

    @Test
    void theFirstProgramRunsWithTheLineBelowIt(@TempDir Path folder) throws Exception {
        String readme = Files.readString(root.resolve("README.md"));
        String program = block(readme, "java", "");
        String line = block(readme, "sh", "java ").strip();

        assertThat(program.lines().count()).isLessThanOrEqualTo(PROGRAM_LINES);
        assertThat(line.lines()).hasSize(1);
        plantTree(folder);
        Files.writeString(folder.resolve(line.substring(line.lastIndexOf(' ') + 1)), program);
        Shell.Result result = Shell.run(folder, Map.of(), line);

        assertThat(result.code()).as(result.output()).isZero();
        assertThat(result.output().strip()).isEqualTo(printed(program));
    }

    /// Copies the jars to where they lie in the built tree, so that the line is used as it stands.
    private void plantTree(Path folder) throws IOException {
        for (Path module : Repository.here().modules()) {
            if (!Files.isDirectory(module.resolve("target"))) {
                continue;               // built after this one, or by a profile only
            }
            Path target = folder.resolve(root.relativize(module)).resolve("target");
            Files.createDirectories(target);
            try (DirectoryStream<Path> jars =
                    Files.newDirectoryStream(module.resolve("target"), "*.jar")) {
                for (Path jar : jars) {
                    Files.copy(jar, target.resolve(jar.getFileName()));
                }
            }
        }
    }

    /// The first block of the language that begins so.
    private static String block(String text, String language, String start) {
        Matcher found = Pattern.compile(
                "^```" + language + "\n(" + Pattern.quote(start) + ".*?\n)```$",
                Pattern.MULTILINE | Pattern.DOTALL).matcher(text);
        assertThat(found.find()).as("a block of " + language + " with " + start).isTrue();
        return found.group(1);
    }

    /// The only line that the program prints.
    private static String printed(String program) {
        Matcher found = Pattern.compile("println\\(\"(.*)\"\\)").matcher(program);
        assertThat(found.find()).isTrue();
        return found.group(1);
    }
}
