package dev.polder.lockdep.agent;

import dev.polder.lockdep.advisor.Advice;
import dev.polder.lockdep.advisor.Advisor;
import dev.polder.lockdep.engine.Hooks;
import dev.polder.lockdep.report.Findings;
import dev.polder.lockdep.report.Suppressions;
import dev.polder.lockdep.rules.Rule;
import dev.polder.lockdep.rules.RulePack;
import java.io.IOException;
import java.lang.instrument.Instrumentation;
import java.lang.instrument.UnmodifiableClassException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Sets up the agent and, when the JVM ends, says what was found.
public final class AgentMain {
    private static final int MISUSE = 2;

    private AgentMain() {}

    /// Starts the agent; called by `Agent`, from another loader. Wrong options end the JVM with the
    /// exit code 2, before the program has run.
    public static void start(
            String text, Instrumentation instrumentation, boolean attached, Path jar) {
        try {
            run(Options.parse(text), instrumentation, attached, jar);
        } catch (IOException | IllegalArgumentException e) {
            Output.standardError("polder-lockdep: " + e.getMessage() + "\n");
            if (!attached) {
                Runtime.getRuntime().exit(MISUSE);
            }
        }
    }

    private static void run(
            Options options, Instrumentation instrumentation, boolean attached, Path jar)
            throws IOException {
        System.setProperty("dev.polder.lockdep.monitors", options.monitors());
        List<Rule> rules = new ArrayList<>();
        for (String pack : options.rules()) {
            rules.addAll(RulePack.load(pack));
        }
        Path suppress = options.suppress();
        Findings findings = new Findings(
                suppress == null ? Suppressions.none() : Suppressions.read(suppress));
        Findings.ofThisJvm(findings);
        Output output = new Output(options, findings);
        Advisor advisor = new Advisor(Hooks.ENGINE);
        Hooks.ENGINE.listener(report -> {
            findings.found(report);
            output.found();
        });
        PolderBridge bridge = new PolderBridge(instrumentation, jar, advisor, options.force());
        Transformer transformer = new Transformer(options, rules, bridge);
        transformer.warmUp();
        instrumentation.addTransformer(transformer, true);
        Thread last = new Thread(() -> {
            conclude(findings, rules, transformer, options.advice() ? advisor : null);
            output.end();
        }, "polder-lockdep-report");
        Runtime.getRuntime().addShutdownHook(last);
        output.begin();
        if (attached) {
            retransform(instrumentation, transformer, findings);
        }
    }

    private static void conclude(Findings findings, List<Rule> rules, Transformer transformer,
            @Nullable Advisor advisor) {
        for (Rule r : rules) {
            Rule until = r.until();
            if (!r.everMatched()) {
                findings.note("never matched: " + r + " (no such method in a loaded class)");
            }
            if (until != null && !until.everMatched()) {
                findings.note("never matched: " + until + " (no such method in a loaded class)");
            }
        }
        if (transformer.failures() > 0) {
            findings.note(transformer.failures() + " classes could not be instrumented and run "
                    + "unwatched; the first: " + transformer.firstFailure());
        }
        if (Hooks.failures() > 0) {
            findings.note("the engine failed " + Hooks.failures() + " times, first with "
                    + Hooks.firstFailure());
        }
        if (advisor != null) {
            for (Advice a : advisor.advice()) {
                findings.note("advice: " + a);
            }
        }
        findings.note(transformer.transformed() + " classes instrumented, "
                + Hooks.ENGINE.figures());
    }

    /// Classes that were loaded before the agent; Polder's port is joined at once. A frame that
    /// runs already keeps its old code, so releases without acquisitions are to be expected, and
    /// are passed over.
    private static void retransform(
            Instrumentation instrumentation, Transformer transformer, Findings findings) {
        for (Class<?> c : instrumentation.getAllLoadedClasses()) {
            String name = c.getName().replace('.', '/');
            if (name.equals(PolderBridge.PORT)) {
                PolderBridge.loaded(c);
            } else if (transformer.wants(c.getClassLoader(), name)
                    && instrumentation.isModifiableClass(c)) {
                try {
                    instrumentation.retransformClasses(c);
                } catch (UnmodifiableClassException | LinkageError e) {
                    findings.note(c.getName() + " runs unwatched: " + e);
                }
            }
        }
    }
}
