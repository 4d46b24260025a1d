package dev.polder.cli.demo;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.cli.CommandLines;
import dev.polder.cli.json.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The demo itself, short: real processes, stores and pools.
///
/// That a store without scopes deadlocks is proved in the normal build where nothing but the store
/// decides (`DeadlockTest` of polder-store). In two seconds of a demo it also depends on how far a
/// loaded machine gets, so those tests are among the slow ones.
class DemoRunTest {

    @TempDir
    private Path dir;

    @Test
    void everyPolicyDoesItsWork() throws IOException {
        CommandLines.Said said = demo("--json", dir.resolve("o.json").toString(),
                "--report", dir.resolve("o.html").toString());
        assertThat(said.exit()).as(said.out() + said.err()).isZero();
        assertThat(dir.resolve("o.html")).isNotEmptyFile();
        List<?> policies = (List<?>) Objects.requireNonNull(
                Json.parse(Files.readString(dir.resolve("o.json"))).get("policies"));
        assertThat(policies).extracting(p -> ((Map<?, ?>) p).get("name")).asString()
                .isEqualTo("[unguarded, mask, scope, domain, split]");
        for (Object policy : policies) {
            Map<?, ?> figures = (Map<?, ?>) policy;
            boolean guarded = !"unguarded".equals(figures.get("name"));
            if (guarded) {
                assertThat(figures.get("deadlocked")).isEqualTo(false);
                assertThat(figures.get("verifyOk")).isEqualTo(true);
                assertThat((Long) figures.get("keysVerified")).isGreaterThan(1000);
                assertThat((Long) figures.get("allocationFailures")).isZero();
            }
        }
        assertThat(dir.resolve("work")).isEmptyDirectory();
    }

    @Tag("slow")
    @Test
    void withoutTheNoIoScopeWritebackDeadlocks() throws IOException {
        CommandLines.Said said = demo("--break=noio");
        assertThat(said.exit()).as(said.out() + said.err()).isZero();
        assertThat(said.out())
                .contains("no-noio deadlocked:", "The chain closes:", "writeback of '");
        assertThat(dir.resolve("work")).isEmptyDirectory();
    }

    /// The guarded twin runs to its end and is silent; the exit code says that too.
    @Tag("slow")
    @Test
    void theLockCheckerTellsBeforeTheDeadlockOnWhat() throws IOException {
        CommandLines.Said said = demo("--check");
        assertThat(said.exit()).as(said.out() + said.err()).isZero();
        assertThat(said.out()).contains("unguarded: the lock checker found",
                ", before the deadlock below:", "possible circular locking dependency",
                "(the commit of a store) exclusive", "StoreShrinkers.scanNodes(",
                "unguarded deadlocked:", "The chain closes:");
        assertThat(said.out()).doesNotContain("domain: the lock checker");
        assertThat(dir.resolve("work")).isEmptyDirectory();
    }

    @Tag("slow")
    @RepeatedTest(10)
    void tenOfTenDeadlock() throws IOException {
        CommandLines.Said said = demo();
        assertThat(said.exit()).as(said.out() + said.err()).isZero();
        assertThat(said.out()).contains("unguarded deadlocked:", "The chain closes:",
                "in scan of '", "held by thread", "under allocation");
    }

    private CommandLines.Said demo(String... more) throws IOException {
        Path work = Files.createDirectories(dir.resolve("work"));
        Path input = Inputs.files(dir.resolve("input"), 1600, 30_000);
        String[] arguments = {"demo", "--budget", "64m", "--seconds", "2", "--input",
            input.toString(), "--work-dir", work.toString()};
        String[] all = java.util.Arrays.copyOf(arguments, arguments.length + more.length);
        System.arraycopy(more, 0, all, arguments.length, more.length);
        return CommandLines.run(all);
    }
}
