package dev.polder.cli.demo;

import dev.polder.cli.console.ByteSize;
import dev.polder.cli.console.CannotRun;
import dev.polder.cli.console.Progress;
import dev.polder.cli.console.WorkDir;
import dev.polder.cli.input.Corpus;
import dev.polder.cli.input.CorpusWriter;
import dev.polder.cli.input.Input;
import dev.polder.cli.load.DemoPolicy;
import dev.polder.cli.load.RunPlan;
import dev.polder.cli.report.Figure;
import dev.polder.cli.report.Outcome;
import dev.polder.cli.report.PolicyResult;
import dev.polder.cli.report.RunResult;
import dev.polder.cli.trace.Phase;
import dev.polder.cli.trace.Trace;
import dev.polder.cli.trace.TraceGenerator;
import dev.polder.lockdep.Check;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The demo's parent process: prepares the input once, runs the policies one after the other, and
/// gathers their results. It opens no pool itself.
final class Demo {

    /// So much text is enough to be many times the usual budget; the rest of a larger input would
    /// only cost time and disk.
    static final long MAX_INPUT = 512L << 20;

    /// The texts as one file, the stores' files, a second copy of them that a policy works on, and
    /// what it adds.
    private static final int DISK_FACTOR = 4;

    /// The journals, twice, and some room.
    private static final long DISK_MORE = 600L << 20;

    /// Under the lock checker every so many allocations first run the shrinkers: often enough for
    /// each kind of request to be among them within a phase, seldom enough to get on.
    private static final int FORCED_EVERY = 100;

    private final DemoOptions options;
    private final Progress progress;
    private final WorkDir work;

    private Demo(DemoOptions options, Progress progress, WorkDir work) {
        this.options = options;
        this.progress = progress;
        this.work = work;
    }

    /// Runs the whole demo.
    ///
    /// @throws CannotRun for everything that the user can change
    static Outcome run(DemoOptions options, Progress progress) throws IOException {
        try (WorkDir work = WorkDir.create(options.workDir())) {
            return new Demo(options, progress, work).run();
        } catch (IOException e) {
            if (CannotRun.isOrdinary(e)) {
                throw CannotRun.io("work with temporary files", e);
            }
            throw e;
        }
    }

    private Outcome run() throws IOException {
        Input input = Input.find(options.input());
        Path corpusDir = work.make("corpus");
        progress.moved("reading " + input.name());
        try (CorpusWriter writer = new CorpusWriter(corpusDir, MAX_INPUT)) {
            input.read(writer);
            requireUseful(input, writer);
        }
        int texts;
        long bytes;
        try (Corpus corpus = new Corpus(corpusDir)) {
            texts = corpus.count();
            bytes = corpus.bytes();
        }
        requireSpace(bytes);
        Trace trace = TraceGenerator.generate(options.seed(), texts, phaseSeconds());
        Path traceFile = work.path().resolve("trace");
        trace.write(traceFile);
        String hash = trace.hash();
        progress.done(String
                .format(Locale.ROOT, "%,d texts, %s, from %s; a pool of %s; seed %d, trace %s",
                texts, ByteSize.text(bytes), input.name(), ByteSize.text(options.budgetBytes()),
                options.seed(), hash));
        Path filled = work.make("filled");
        PolicyRun.fill(plan(RunPlan.Task.FILL, DemoPolicy.SCOPE, corpusDir, filled, traceFile,
                hash),
                work.path().resolve("errors"), progress);
        List<PolicyResult> results = rounds(corpusDir, filled, traceFile, hash);
        return new Outcome(new Outcome.Setting(options.budgetBytes(), input.name(), bytes, texts,
                options.seed(), hash, options.seconds(), options.rounds(),
                System.getProperty("java.version"), Runtime.getRuntime().availableProcessors()),
                results);
    }

    /// The order is rotated from round to round, so that no policy always runs on the warmest
    /// machine.
    private List<PolicyResult> rounds(Path corpus, Path filled, Path trace, String hash)
            throws IOException {
        Map<DemoPolicy, List<RunResult>> results = new EnumMap<>(DemoPolicy.class);
        for (int round = 0; round < options.rounds(); round++) {
            List<DemoPolicy> order = new ArrayList<>(options.policies());
            Collections.rotate(order, -round);
            for (DemoPolicy policy : order) {
                Path stores = work.path().resolve("stores");
                WorkDir.copy(filled, stores);
                String title = "[" + (1 + order.indexOf(policy)) + "/" + order.size() + "] "
                        + policy.title() + (options.rounds() > 1 ? ", round " + (round + 1) : "");
                RunResult result = PolicyRun.run(
                        plan(RunPlan.Task.RUN, policy, corpus, stores, trace, hash), title,
                        work.path().resolve("errors"), progress, agent());
                WorkDir.delete(stores);
                progress.done(title + ": " + sentence(result));
                results.computeIfAbsent(policy, p -> new ArrayList<>()).add(result);
            }
        }
        return options.policies().stream()
                .map(p -> new PolicyResult(p.title(), p.guarded(),
                        results.getOrDefault(p, List.of())))
                .toList();
    }

    private @Nullable String agent() throws IOException {
        if (!options.check()) {
            return null;
        }
        try {
            return Check.agent(List.of("rules=polder", "force=" + FORCED_EVERY,
                    "report=" + work.path().resolve("lockdep.txt")));
        } catch (IllegalArgumentException e) {
            throw new CannotRun("The lock checker cannot be started: " + e.getMessage() + ".");
        }
    }

    private static String sentence(RunResult result) {
        if (result.failure() != null) {
            return "FAILED";
        }
        if (result.deadlock() != null) {
            double seconds = result.samples().isEmpty() ? 0
                    : result.samples().getLast().millis() / 1e3;
            return String.format(Locale.ROOT, "deadlocked; told and ended after %.1f s", seconds);
        }
        Double ops = result.get(Figure.OPS);
        Double keys = result.get(Figure.KEYS);
        return String.format(Locale.ROOT, "%,.0f operations/s, %,.0f keys read back%s",
                ops == null ? 0 : ops, keys == null ? 0 : keys,
                Boolean.TRUE.equals(result.verified()) ? ", all right" : ", NOT ALL RIGHT");
    }

    private RunPlan plan(RunPlan.Task task, DemoPolicy policy, Path corpus, Path stores, Path trace,
            String hash) {
        return new RunPlan(task, policy, options.budgetBytes(), Math.round(phaseSeconds() * 1000),
                corpus, stores, trace, hash);
    }

    private double phaseSeconds() {
        return options.seconds() / Phase.values().length;
    }

    private static void requireUseful(Input input, CorpusWriter writer) {
        if (writer.count() == 0) {
            throw new CannotRun("There is no readable file of 1 byte to "
                    + ByteSize.text(Input.MAX_TEXT) + " in " + input.name()
                    + "; name a directory with files as --input.");
        }
    }

    private void requireSpace(long textBytes) throws IOException {
        long needed = DISK_FACTOR * textBytes + DISK_MORE;
        long usable = work.usableBytes();
        if (usable < needed) {
            throw new CannotRun("The disk is too full: the demo needs about "
                    + ByteSize.text(needed) + " in " + work.path().getParent() + " and there are "
                    + ByteSize.text(usable) + "; free some space or choose another place with"
                    + " --work-dir.");
        }
    }
}
