package dev.polder.lockdep.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.lockdep.Check;
import dev.polder.lockdep.engine.Hooks;
import dev.polder.lockdep.engine.Report;
import dev.polder.lockdep.report.Findings;
import dev.polder.lockdep.report.Suppressions;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The agent in a JVM of its own, through `check`; and every rewritten form of locking in this one.
class AgentTest {
    @TempDir
    static Path folder;

    private final List<String> notes = new ArrayList<>();

    @BeforeAll
    static void jar() throws IOException {
        AgentJar.make(folder);
    }

    @AfterAll
    static void forget() {
        AgentJar.forget();
    }

    @Test
    void everyFormStillDoesWhatItDid() {
        Findings findings = new Findings(Suppressions.none());
        Hooks.ENGINE.listener(findings);
        new WovenLoader("dev.polder.museum.", List.of()).run("dev.polder.museum.AllForms");
        Hooks.ENGINE.listener(r -> {});
        assertThat(Hooks.failures()).as(Hooks.firstFailure()).isZero();
        assertThat(findings.reports()).isEmpty();
        assertThat(Hooks.ENGINE.heldClasses()).isEmpty();
    }

    /// What is taken in a block that calls nothing is seen as wanted, and left behind by none.
    @Test
    void quietBlocksAreSeenWhereTheyMatter() {
        Findings findings = new Findings(Suppressions.none());
        Hooks.ENGINE.listener(findings);
        new WovenLoader("dev.polder.museum.", List.of()).run("dev.polder.museum.Blocks");
        Hooks.ENGINE.listener(r -> {});
        assertThat(Hooks.failures()).as(Hooks.firstFailure()).isZero();
        assertThat(Hooks.ENGINE.heldClasses()).isEmpty();
        Hooks.ENGINE.held().verify();
        assertThat(findings.reports()).singleElement().satisfies(r -> {
            assertThat(r.kind()).isEqualTo(Report.Kind.CYCLE);
            assertThat(r.instances()).isEqualTo(Report.Instances.SAME);
            assertThat(r.chain()).extracting(Object::toString).containsExactlyInAnyOrder(
                    "dev.polder.museum.Blocks$First -> dev.polder.museum.Blocks$Second",
                    "dev.polder.museum.Blocks$Second -> dev.polder.museum.Blocks$First");
        });
    }

    @Test
    void aProgramIsCheckedAndTheExitCodeSaysSo() throws Exception {
        Path report = folder.resolve("report.json");
        Path rules = folder.resolve("my.rules");
        Files.writeString(rules, "alloc no.such.Klass#method\n");
        assertThat(allForms().report(report).rules(rules.toString()).rules("spark")
                .run(notes::add)).isZero();
        assertThat(Files.readString(report)).contains("\"reports\":[]")
                .contains("never matched: " + rules + ":1: alloc no.such.Klass#method")
                .doesNotContain("could not be instrumented").doesNotContain("engine failed");
        assertThat(allForms("bug").report(report).run(notes::add)).isEqualTo(Check.FOUND);
        assertThat(Files.readString(report)).contains("Flink9676$Bug.queue")
                .contains("Flink9676.java:");
        assertThat(notes).containsExactly("nothing found", "found 1 problem; see " + report);
    }

    @Test
    void aJvmThatDoesNotStartIsToldApartFromAProgramThatFails() throws Exception {
        assertThat(new Check(List.of(AgentJar.java(), "-XX:+NoSuchOption", "X")).run(notes::add))
                .isEqualTo(Check.MISUSE);
        assertThat(new Check(List.of(AgentJar.java(), "-cp", folder.toString(), "no.such.Program"))
                .run(notes::add)).isEqualTo(1);
        assertThat(notes).containsExactly(
                "the JVM ended with exit code 1 before the agent began; nothing was checked",
                "nothing found; the program ended with exit code 1");
    }

    @Test
    void monitorsAreToldApartByFieldOnDemand() throws Exception {
        assertThat(program(dev.polder.museum.TwoFields.class).report(folder.resolve("class.txt"))
                .run(notes::add)).isEqualTo(Check.FOUND);
        Path report = folder.resolve("field.txt");
        assertThat(program(dev.polder.museum.TwoFields.class).monitorsByField().report(report)
                .run(notes::add)).isZero();
        assertThat(Files.readString(report)).contains("0 reports", "2 edges");
    }

    /// A program's check in which the java comes from this JVM.
    private static Check allForms(String... arguments) throws URISyntaxException {
        return program(dev.polder.museum.AllForms.class, arguments);
    }

    private static Check program(Class<?> program, String... arguments)
            throws URISyntaxException {
        String path = Path.of(
                program.getProtectionDomain().getCodeSource().getLocation().toURI()).toString();
        List<String> command = new ArrayList<>(
                List.of(AgentJar.java(), "-cp", path, program.getName()));
        command.addAll(List.of(arguments));
        return new Check(command);
    }
}
