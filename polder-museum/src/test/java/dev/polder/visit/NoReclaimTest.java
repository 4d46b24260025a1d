package dev.polder.visit;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Programs that reclaim nothing run under the agent as they run without it, and nothing is found
/// in them that is not true. What is selected are the tests that end alike in two runs and do not
/// sleep for minutes.
class NoReclaimTest {
    /// Not what is looked at here.
    private static final String FRAMEWORKS = "exclude=org.junit,exclude=org.mockito";

    private static final String CONSOLE = "org.junit.platform.console.ConsoleLauncher";

    /// Left out: the tests that wait for minutes, that fill the heap or that try a method for long.
    private static final String POOL = "--include-classname=.*Test|.*[.]Test(SoftRef.*Pool"
            + "|BaseGeneric.*|BasePool.*|LinkedBlocking.*|Evict.*|PoolImpl.*|Proxied.*Jdk.*)";

    /// What locks, and what that is built on.
    private static final String COLLECTIONS = "--include-classname=.*Test"
            + " --include-package=org.apache.commons.collections4.bag"
            + " --include-package=org.apache.commons.collections4.collection"
            + " --include-package=org.apache.commons.collections4.map"
            + " --include-package=org.apache.commons.collections4.multiset"
            + " --include-package=org.apache.commons.collections4.queue";

    /// Left out: what measures time or waits for the garbage collector, and what tests the loggers
    /// and native libraries that are not on the class path.
    private static final String NETTY = "--include-classname=.*Test"
            + " --exclude-classname=.*(ResourceLeakDetector|AutoScalingEventExecutorChooserFactory"
            + "|FastThreadLocal|HashedWheelTimer|GlobalEventExecutor|ThreadDeathWatcher"
            + "|JfrEventSafe|NativeLibraryLoader|PlatformDependent|Logger|LoggerFactory)Test";

    private static final String LANG = "--include-classname=.*Test"
            + " --include-package=org.apache.commons.lang3.concurrent";

    private static final String FLINK = "--include-classname=.*Test"
            + " --include-package=org.apache.flink.runtime.io.network.buffer"
            + " --include-package=org.apache.flink.runtime.memory";

    @TempDir
    Path folder;

    private Visit.Outcome visit(Visit visit, Path reports, String exhibit, String library,
            String select) {
        List<String> arguments = new ArrayList<>(List.of("execute", "--disable-banner",
                "--disable-ansi-colors", "--details=none", "--reports-dir=" + reports,
                "--scan-classpath=" + new Exhibit(exhibit).jar(library, "-tests.jar")));
        arguments.addAll(List.of(select.split(" ")));
        return visit.run(CONSOLE, arguments.toArray(new String[0]));
    }

    /// The two that are expected are true: `a.equals(b)` holds one collection and takes the other,
    /// and the tests ask `b.equals(a)` as well.
    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {
        "commons; commons-pool2;         80;                  ; " + POOL,
        "commons; commons-collections4; 5000; 528636e5 d77000dc; " + COLLECTIONS,
        "commons; commons-lang3;        200;                  ; " + LANG,
        "netty;   netty-common;         900;                  ; " + NETTY,
        "flink;   flink-runtime;        700;                  ; " + FLINK})
    void publishedTestsEndAsWithoutTheAgent(String exhibit, String library, int atLeast,
            @Nullable String expected, String select) {
        Path without = folder.resolve("without");
        Path with = folder.resolve("with");
        Exhibit jars = new Exhibit(exhibit);
        visit(new Visit(jars, folder), without, exhibit, library, select);
        Visit.Outcome watched = visit(
                new Visit(jars, folder).withAgent(FRAMEWORKS), with, exhibit, library, select);
        Results results = Results.of(with);
        assertThat(results.byTest()).isEqualTo(Results.of(without).byTest());
        assertThat(results.passed()).isGreaterThanOrEqualTo(atLeast);
        watchedAll(watched, expected == null ? List.of() : List.of(expected.split(" ")));
    }

    private static void watchedAll(Visit.Outcome watched, List<String> expected) {
        assertThat(watched.woven()).isPositive();
        assertThat(watched.report())
                .doesNotContain("engine failed", "could not be instrumented");
        assertThat(watched.ids()).as(watched::firstFinding)
                .containsExactlyInAnyOrderElementsOf(expected);
    }

    @ParameterizedTest
    @ValueSource(strings = {"GuavaDriver", "CaffeineDriver", "HikariDriver"})
    void ourDriversEndAsWithoutTheAgent(String driver) {
        Exhibit drivers = new Exhibit("drivers");
        Visit.Outcome plain = new Visit(drivers, folder).driver(driver);
        Visit.Outcome watched = new Visit(drivers, folder).withAgent("").driver(driver);
        assertThat(plain.exitCode()).as(plain.output()).isZero();
        assertThat(results(watched)).isEqualTo(results(plain)).isNotEmpty();
        assertThat(watched.exitCode()).isZero();
        watchedAll(watched, List.of());
    }

    /// What the program itself printed, not the JVM or a logger that was not found.
    private static List<String> results(Visit.Outcome outcome) {
        return outcome.output().lines()
                .filter(l -> !l.startsWith("OpenJDK") && !l.startsWith("SLF4J")).toList();
    }
}
