package dev.polder.lockdep.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClasspathRoots;
import static org.junit.platform.launcher.TagFilter.excludeTags;

import dev.polder.lockdep.Check;
import dev.polder.testkit.Repository;
import java.io.File;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.platform.engine.discovery.ClassNameFilter;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;

/// Polder's own tests under the agent: no report, and no suppression.
///
/// Left out are the checks of sources and class files, the one class that plants a deadlock of two
/// stores, which the checker rightly reports, and the torture of the budget, whose work is done in
/// a JVM of its own without the agent. With forced reclaim some tests fail that count
/// calls of shrinkers; there only reports matter.
@Tag("slow")
class OwnSuitesTest {
    private static final String LEFT_OUT = ".*(Layering|Tidy).*"
            + "|dev\\.polder\\.reclaim\\.TwoStoresTest.*|dev\\.polder\\.BudgetTortureTest.*";

    /// Exit code of a run in which tests failed.
    private static final int TESTS_FAILED = 4;

    @TempDir
    private static Path folder;

    @AfterAll
    static void forget() {
        AgentJar.forget();
    }

    @ParameterizedTest
    @CsvSource({"polder-scope, 0, 250", "polder-scope, 50, 250", "polder-core, 0, 400",
        "polder-core, 50, 400", "polder-store, 0, 30", "polder-store, 50, 30"})
    void nothingIsReported(String module, int force, int fewest) throws Exception {
        AgentJar.make(folder);
        Path tests = Repository.here().root().resolve(module).resolve("target/test-classes");
        assertThat(tests).isNotEmptyDirectory();
        Path report = folder.resolve("report.txt");
        Check check = new Check(List.of(AgentJar.java(), "-Xmx1g", "-ea",
                "--enable-native-access=ALL-UNNAMED", "-cp",
                AgentJar.path(OwnSuitesTest.class, Check.class) + File.pathSeparator + tests
                        + File.pathSeparator + System.getProperty("java.class.path"),
                OwnSuitesTest.class.getName(), tests.toString(), String.valueOf(fewest)))
                .rules("polder").exclude("org.").report(report);
        List<String> notes = new ArrayList<>();
        int code = (force == 0 ? check : check.force(force)).run(notes::add);
        assertThat(Files.readString(report)).contains("0 reports").doesNotContain("engine failed");
        assertThat(code).as("%s", notes).isIn(0, force == 0 ? 0 : TESTS_FAILED);
    }

    /// For the JVM with the agent: runs the tests of a folder, and at least so many.
    public static void main(String[] args) {
        SummaryGeneratingListener summary = new SummaryGeneratingListener();
        LauncherFactory.create().execute(LauncherDiscoveryRequestBuilder.request()
                .selectors(selectClasspathRoots(Set.of(Path.of(args[0]))))
                .filters(ClassNameFilter.includeClassNamePatterns(".*Test"),
                        ClassNameFilter.excludeClassNamePatterns(LEFT_OUT),
                        excludeTags("slow", "built-tree", "newer-java")).build(), summary);
        summary.getSummary().printFailuresTo(new PrintWriter(System.err, true,
                StandardCharsets.UTF_8));
        if (summary.getSummary().getTestsStartedCount() < Long.parseLong(args[1])) {
            throw new IllegalStateException("only "
                    + summary.getSummary().getTestsStartedCount() + " tests ran");
        }
        System.exit(summary.getSummary().getTotalFailureCount() == 0 ? 0 : TESTS_FAILED);
    }
}
