package dev.polder.lockdep.junit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import dev.polder.gfp.FsReclaim;
import dev.polder.lockdep.agent.PlantedRun;
import dev.polder.lockdep.engine.Hooks;
import dev.polder.museum.JUnitCases;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/// The extension fails the test in which a finding appears, and no other.
class LockdepExtensionTest {
    @AfterEach
    void leave() {
        FsReclaim.install(null);
        Hooks.ENGINE.listener(r -> {});
    }

    @Test
    void withoutAnAgentWhatIsAnnouncedFailsItsTest() {
        assertThat(run(JUnitCases.Announced.class)).containsExactly(
                "reclaimTakesTheLock() SUCCESSFUL",
                "anAllocationUnderItFails() FAILED the lock checker found something new",
                "anAllocationWithoutItPasses() SUCCESSFUL", "JUnitCases$Announced SUCCESSFUL");
    }

    @Test
    void withTheAgentAnInversionFailsItsTest(@TempDir Path folder) throws Exception {
        assertThat(PlantedRun.underTheAgent(folder, LockdepExtensionTest.class,
                JUnitCases.Inversion.class.getName())).containsSubsequence(
                "oneWay() SUCCESSFUL", "sound() SUCCESSFUL",
                "theOtherWay() FAILED the lock checker found something new",
                "theOtherWayAgain() SUCCESSFUL", "JUnitCases$Inversion SUCCESSFUL");
    }

    /// For the JVM with the agent: runs the class that is named and prints what became of its
    /// tests.
    @SuppressWarnings("SystemOut")
    public static void main(String[] args) throws ClassNotFoundException {
        run(Class.forName(args[0])).forEach(System.out::println);
    }

    private static List<String> run(Class<?> cases) {
        List<String> ended = new ArrayList<>();
        LauncherDiscoveryRequest request =
                LauncherDiscoveryRequestBuilder.request().selectors(selectClass(cases)).build();
        LauncherFactory.create().execute(request, new TestExecutionListener() {
            @Override
            public void executionFinished(TestIdentifier test, TestExecutionResult result) {
                if (test.getParentId().isPresent()) {
                    ended.add(test.getDisplayName() + " " + result.getStatus()
                            + result.getThrowable().map(t -> " " + String.valueOf(t.getMessage())
                                    .lines().findFirst().orElse("")).orElse(""));
                }
            }
        });
        return ended;
    }
}
