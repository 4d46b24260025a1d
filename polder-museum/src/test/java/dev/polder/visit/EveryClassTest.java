package dev.polder.visit;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Every class of the jars, loaded and verified by the JVM, with hooks and without.
class EveryClassTest {
    @TempDir
    Path folder;

    private static String[] jars(Exhibit exhibit, String names) {
        return Arrays.stream(names.split(" "))
                .map(n -> exhibit.jar(n.replace("!", ""), n.endsWith("!") ? "-tests.jar" : ".jar"))
                .toArray(String[]::new);
    }

    private Visit visit(Exhibit exhibit) {
        return new Visit(exhibit, folder);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "commons |  2_300 |  30 | commons-pool2 commons-pool2! commons-collections4"
                + " commons-collections4! commons-lang3 commons-lang3!",
        "netty   |    900 |  10 | netty-common netty-common!",
        "flink   |  6_800 | 200 | flink-runtime flink-runtime!",
        "drivers |  2_000 |  70 | guava caffeine HikariCP",
        "spark-4 | 10_800 | 300 | spark-core_2.13 spark-core_2.13! scala-library"
                + " netty-buffer netty-handler netty-codec-http netty-transport"})
    void noClassIsRefusedForItsHooks(String exhibit, String atLeast, String woven, String names)
            throws IOException {
        Exhibit e = new Exhibit(exhibit);
        Visit.Outcome plain = visit(e).driver("EveryClass", jars(e, names));
        assertThat(classes(plain)).isGreaterThan(number(atLeast));
        Visit.Outcome watched = visit(e).withAgent("").driver("EveryClass", jars(e, names));
        same(watched, plain);
        assertThat(watched.woven()).isGreaterThan(number(woven));

        // A rule that names every method: each gets hooks, and a handler around it.
        Path rules = Files.writeString(
                folder.resolve("every.rules"), "alloc java.lang.Object#*\n");
        Visit.Outcome wrapped =
                visit(e).withAgent("rules=" + rules).driver("EveryClass", jars(e, names));
        same(wrapped, plain);
        assertThat(wrapped.woven()).isGreaterThan(number(atLeast) / 2);
    }

    private static void same(Visit.Outcome watched, Visit.Outcome plain) {
        assertThat(watched.exitCode()).as(watched.output()).isZero();
        assertThat(refused(watched)).isEqualTo(refused(plain));
        assertThat(classes(watched)).isEqualTo(classes(plain));
        assertThat(watched.report())
                .doesNotContain("engine failed", "could not be instrumented");
    }

    /// Every class and method that a shipped pack names exists, and gets its hook.
    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "spark     | spark-3 | spark-core_2.13",
        "spark     | spark-4 | spark-core_2.13",
        "flink     | flink   | flink-runtime",
        "caffeine  | drivers | caffeine",
        "arrow     | packs   | arrow-memory-core arrow-memory-netty",
        "netty     | packs   | netty-buffer",
        "cassandra | packs   | cassandra-all"})
    void everyRuleOfAPackMatches(String pack, String exhibit, String names) {
        Exhibit e = new Exhibit(exhibit);
        Visit.Outcome outcome =
                visit(e).withAgent("rules=" + pack).driver("EveryClass", jars(e, names));
        assertThat(outcome.exitCode()).as(outcome.output()).isZero();
        assertThat(outcome.report()).doesNotContain("never matched");
    }

    /// The canary: rules about classes that are not there are told.
    @ParameterizedTest
    @ValueSource(strings = {"spark", "flink", "caffeine", "arrow", "cassandra"})
    void aRuleThatMatchesNothingIsTold(String pack) {
        Exhibit e = new Exhibit("packs");
        Visit.Outcome outcome =
                visit(e).withAgent("rules=" + pack).driver("EveryClass", jars(e, "netty-buffer"));
        assertThat(outcome.report()).contains("never matched: " + pack + ":");
    }

    private static int number(String text) {
        return Integer.parseInt(text.replace("_", ""));
    }

    private static int classes(Visit.Outcome outcome) {
        return outcome.output().lines().filter(l -> l.endsWith(" classes"))
                .mapToInt(l -> Integer.parseInt(l.substring(0, l.indexOf(' ')))).sum();
    }

    private static List<String> refused(Visit.Outcome outcome) {
        return outcome.output().lines().filter(l -> l.startsWith("refused ")).toList();
    }
}
