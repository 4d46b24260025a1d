package dev.polder.house;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.testkit.Repository;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The script `polder`, as a person meets it.
@Tag("built-tree")
class PolderScriptTest {

    private final Path script = Repository.here().root().resolve("polder");

    @Test
    void runsTheCommandFromAnyFolder(@TempDir Path folder) throws Exception {
        Shell.Result result = Shell.run(folder, Map.of(), script + " --version");

        assertThat(result.code()).as(result.output()).isZero();
        assertThat(result.output()).contains("0.1.0");
    }

    @Test
    void findsTheJdkByItself(@TempDir Path folder) throws Exception {
        Map<String, String> old = Map.of("JAVA_HOME", "/nonexistent",
                "POLDER_JDKS", "/nonexistent " + System.getProperty("java.home"));
        Shell.Result result = Shell.run(folder, old, "PATH=/usr/bin:/bin " + script + " --version");

        assertThat(result.code()).as(result.output()).isZero();
    }

    @Test
    void saysInASentenceWhatIsMissing(@TempDir Path folder) throws Exception {
        Map<String, String> none = Map.of("JAVA_HOME", "/nonexistent", "POLDER_JDKS", "");
        Shell.Result result = Shell.run(folder, none,
                "ln -s \"$(command -v dirname)\" \"$(command -v sed)\" . ; "
                        + "PATH=. \"$BASH\" " + script + " demo; code=$?; "
                        + "rm dirname sed; exit $code");

        assertThat(result.code()).isEqualTo(2);
        assertThat(result.output()).isEqualTo("polder: a JDK 25 or newer is needed and none was "
                + "found; install one or set JAVA_HOME to it.\n");
    }

    @Test
    void misuseEndsWithTwo(@TempDir Path folder) throws Exception {
        Shell.Result result = Shell.run(folder, Map.of(), script + " nonsense");

        assertThat(result.code()).as(result.output()).isEqualTo(2);
    }
}
