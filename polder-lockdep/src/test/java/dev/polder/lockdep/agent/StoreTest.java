package dev.polder.lockdep.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.Polder;
import dev.polder.gfp.Gfp;
import dev.polder.lockdep.Check;
import dev.polder.store.Store;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The store under the agent with forced reclaim: with its scopes no report and no suppression;
/// without them the deadlock that `DeadlockTest` of polder-store runs into, told beforehand.
class StoreTest {
    @TempDir
    static Path folder;

    private final List<String> notes = new ArrayList<>();
    private final Path report = folder.resolve("report.txt");

    @BeforeAll
    static void jar() throws IOException {
        AgentJar.make(folder);
    }

    @AfterAll
    static void forget() {
        AgentJar.forget();
    }

    private int check(String... policies) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(AgentJar.java(), "-Xmx256m", "-ea",
                "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                "--enable-native-access=ALL-UNNAMED", "-cp", AgentJar.path(StoreProgram.class,
                Check.class, Store.class, Polder.class, Gfp.class), StoreProgram.class.getName(),
                folder.resolve("stores").toString()));
        command.addAll(List.of(policies));
        return new Check(command).rules("polder").force(1).report(report).run(notes::add);
    }

    @Test
    void aGuardedStoreIsSilentUnderEveryPolicy() throws Exception {
        assertThat(check("MASK", "SCOPE", "DOMAIN")).as("%s", text()).isZero();
        assertThat(text()).contains("0 reports").doesNotContain("engine failed", "never matched",
                "could not be instrumented", "Polder's allocations are not seen");
    }

    @Test
    void withoutScopesTheCommitAndReclaimOfItsNodesAreTheReport() throws Exception {
        assertThat(check("UNGUARDED")).isEqualTo(Check.FOUND);
        String first = text().substring(0, text().indexOf("Possible unsafe scenario"));
        String[] halves = first.split("-> #0");
        assertThat(halves).hasSize(2);
        assertThat(halves[0]).as("who allocates").contains(
                "possible circular locking dependency",
                """
                writer asks for memory and may reclaim, that is take:
                    (fs_reclaim of domain 'a' in pool 'two') exclusive
                but it already holds:
                    (the commit of a store) exclusive
                """,
                "by writer, inside no scope", "at dev.polder.page.PageAllocator.alloc(",
                "at dev.polder.store.btree.WriteSet.", "at dev.polder.store.Transaction.put(");
        assertThat(halves[1]).as("what reclaim waits for").contains(
                "(the commit of a store) exclusive",
                "wanted while holding (fs_reclaim of domain 'a' in pool 'two')",
                "at dev.polder.store.journal.Journal.enterEviction(",
                "at dev.polder.store.StoreShrinkers.scanNodes(",
                "at dev.polder.shrink.DoShrink.force(");
    }

    private String text() throws IOException {
        return Files.exists(report) ? Files.readString(report) : "";
    }
}
