package dev.polder.stress;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/// Runs the jcstress programs of this module. A `…Stress` must show nothing that is forbidden; a
/// `…Canary`, the same with a step left out, must show it.
@EnabledOnOs(OS.LINUX)
class JcstressTest {
    /// A program that showed what it calls interesting, in the summary at the end.
    private static final Pattern SHOWN = Pattern.compile("\\[OK] (dev\\.polder\\.\\S+)");

    /// Runs in which a canary must show its fault, one time in ten thousand: where others use the
    /// processors too, its threads may not meet in one of them.
    private static final int CHANCES = 10;

    @TempDir
    private Path work;

    @Test
    void aRecallAndItsCanary() throws Exception {
        assertThat(run("SheafRecallGive", 2, 500)).isEmpty();
        Set<String> shown = Set.of();
        for (int i = 0; i < CHANCES && shown.isEmpty(); i++) {
            shown = run("SheafRecallNoBarrier", 1, 500);
        }
        assertThat(shown).containsExactly("dev.polder.slab.SheafRecallNoBarrierCanary");
    }

    @Test
    @Tag("stress")
    void everythingForLong() throws Exception {
        assertThat(run(".*", 5 * Checks.SCALE, 1_000)).isEqualTo(canaries());
    }

    /// Runs the chosen programs; the names of those that showed something interesting.
    private Set<String> run(String programs, int iterations, int millis) throws Exception {
        Path log = work.resolve("log");
        List<String> command = List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp", classPath(), "org.openjdk.jcstress.Main", "-t", programs, "-f", "1",
                "-iters", Integer.toString(iterations), "-time", Integer.toString(millis),
                "-sc", "false", "-af", "NONE", "-r", work.resolve("report").toString(),
                "-jvmArgs", "--enable-native-access=ALL-UNNAMED -XX:+UseSerialGC");
        Process p = new ProcessBuilder(command).directory(work.toFile()).redirectErrorStream(true)
                .redirectOutput(log.toFile()).start();
        int exit = p.waitFor();
        String output = Files.readString(log, StandardCharsets.UTF_8);
        assertThat(exit).as(output).isZero();
        String summary = output.substring(output.indexOf("Interesting tests:"),
                output.indexOf("Failed tests:"));
        Set<String> shown = new TreeSet<>();
        Matcher m = SHOWN.matcher(summary);
        while (m.find()) {
            shown.add(m.group(1));
        }
        return shown;
    }

    /// Surefire hands its classes on in a jar without any; it says here which they are.
    private static String classPath() {
        return System.getProperty("surefire.test.class.path",
                System.getProperty("java.class.path"));
    }

    /// The programs that are there to show something.
    private static Set<String> canaries() throws IOException {
        Set<String> names = new TreeSet<>();
        for (String folder : classPath().split(File.pathSeparator, -1)) {
            Path list = Path.of(folder, "META-INF", "TestList");
            if (Files.isReadable(list)) {
                try (Stream<String> lines = Files.lines(list)) {
                    lines.flatMap(line -> Pattern.compile("dev\\.polder\\.\\w+\\.\\w+Canary")
                            .matcher(line).results().map(r -> r.group())).forEach(names::add);
                }
            }
        }
        return names;
    }
}
