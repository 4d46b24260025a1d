package dev.polder.cli.load;

import dev.polder.MemInfo;
import dev.polder.base.Frames;
import dev.polder.cli.input.Corpus;
import dev.polder.cli.load.Event.Kind;
import dev.polder.cli.load.Pools.User;
import dev.polder.cli.report.Figure;
import dev.polder.cli.report.Sample;
import dev.polder.cli.trace.Phase;
import dev.polder.cli.trace.Trace;
import dev.polder.gfp.FsReclaim;
import dev.polder.lockdep.engine.Report;
import dev.polder.lockdep.report.Findings;
import dev.polder.lockdep.report.TextReport;
import dev.polder.store.WaitGraph;
import java.io.IOException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/// One run of a policy: goes through the trace, watched and measured, then reads everything back.
final class Run {

    private static final long SAMPLE_NANOS = 100_000_000;
    private static final long DEFERRED_NANOS = 10_000_000;

    /// No operation for so long and still no chain that closes: the run is stuck in a way that is
    /// not a deadlock of its stores, and a person must look at it.
    private static final long STUCK_NANOS = 60_000_000_000L;

    private static final String REENTRY = "Re-entry:";

    private final RunPlan plan;
    private final PrintStream out;
    private final Pools pools;
    private final Users users;
    private final Crew crew;
    private final Latency latency;
    private final Ledger ledger;
    private final Map<Phase, Map<Figure, Double>> phases = new EnumMap<>(Phase.class);
    private volatile Phase phase = Phase.TEXTS_WRITE;
    private volatile boolean over;

    /// Findings that were sent; by the watcher while it runs.
    private int told;

    private Run(RunPlan plan, PrintStream out, Pools pools, Users users, Crew crew, Latency latency,
            Stalls stalls) {
        this.plan = plan;
        this.out = out;
        this.pools = pools;
        this.users = users;
        this.crew = crew;
        this.latency = latency;
        this.ledger = new Ledger(pools, users, crew, stalls);
    }

    /// Does the run and tells its result.
    static void perform(RunPlan plan, PrintStream out) throws Exception {
        Trace trace = Trace.read(plan.trace());
        if (!trace.hash().equals(plan.traceHash())) {
            throw new IllegalStateException("the trace has hash " + trace.hash() + ", expected "
                    + plan.traceHash() + ": the policies would not run the same operations");
        }
        Shards shards = Shards.read(plan.stores());
        try (Corpus corpus = new Corpus(plan.corpus());
                Pools pools = new Pools(plan.policy(), plan.budgetBytes());
                Users users = new Users(plan, pools, corpus, shards)) {
            Latency latency = new Latency();
            Crew crew = new Crew(trace, users, latency);
            Event.text(Kind.PROGRESS, "warms up").send(out);
            crew.rehearse(Phase.READS_ONLY, () -> full(pools));
            Stalls stalls = new Stalls(users::idleBytes);
            boolean checked = Findings.ofThisJvm() != null; // the port is the lock checker's then
            if (!checked) {
                FsReclaim.install(stalls);
            }
            try {
                new Run(plan, out, pools, users, crew, latency, stalls).go();
            } finally {
                if (!checked) {
                    FsReclaim.install(null);
                }
            }
        }
    }

    /// Whether so little is free that reclaim is about to begin: a run begins with full pools, as a
    /// program works that has run for a while.
    private static boolean full(Pools pools) {
        return pools.sum(MemInfo::free) < 2 * pools.sum(MemInfo::high);
    }

    private void go() throws Exception {
        Thread watcher = Thread.ofPlatform().daemon().name("polder-demo-watch").start(this::watch);
        for (Phase next : Phase.values()) {
            phase = next;
            Ledger.Counts before = ledger.counts();
            crew.run(next, plan.phaseMillis());
            phases.put(next, Ledger.between(before, ledger.counts()));
        }
        Map<Figure, Double> figures = ledger.figures(true);
        over = true;
        watcher.join();
        latency.takeInterval();
        latency.addTo(figures);
        boolean verified = verify(figures);
        tellFindings();
        send(Kind.RESULT, figures, Map.of("verified", verified));
    }

    /// Every acknowledged key, read from the disk again, and all invariants.
    private boolean verify(Map<Figure, Double> figures) throws IOException {
        Event.text(Kind.PROGRESS, "reads everything back").send(out);
        try {
            pools.verify();
            users.reopen();
            figures.put(Figure.KEYS, (double) users.texts().verify() + users.index().verify());
            users.store(User.TEXTS).verify();
            users.store(User.INDEX).verify();
            pools.verify();
            return true;
        } catch (IllegalStateException e) {
            System.err.println("verification: " + e.getMessage());
            return false;
        }
    }

    private void watch() {
        Sampler sampler = new Sampler(pools, crew, latency);
        Watch watch = new Watch(crew::ended, Run::closedChain);
        long nextSample = System.nanoTime();
        while (!over) {
            LockSupport.parkNanos(this, DEFERRED_NANOS);
            ledger.watchDeferred();
            tellFindings();
            long now = System.nanoTime();
            if (now - nextSample < 0) {
                continue;
            }
            nextSample = now + SAMPLE_NANOS;
            Sample sample = sampler.take(phase);
            new Event(Kind.SAMPLE, sample.toMap()).send(out);
            Event.text(Kind.PROGRESS, progress(sample)).send(out);
            String story = watch.look(now, crew.busy());
            if (story != null) {
                send(Kind.DEADLOCK, ledger.figures(false), Map.of("text", story));
                return;
            }
            if (crew.busy() && watch.quietNanos(now) > STUCK_NANOS) {
                System.err.println("No operation ended for "
                        + STUCK_NANOS / 1_000_000_000L + " s, and no wait chain closes.\n"
                        + WaitGraph.capture().describe() + pools.show());
                System.err.flush();
                Runtime.getRuntime().halt(ChildMain.STUCK);
            }
        }
    }

    /// Sends what the lock checker found since the last call, if there is one in this process.
    private void tellFindings() {
        Findings findings = Findings.ofThisJvm();
        if (findings != null) {
            List<Report> all = findings.reports();
            all.subList(told, all.size())
                    .forEach(r -> Event.text(Kind.FINDING, TextReport.of(r)).send(out));
            told = all.size();
        }
    }

    private static @Nullable String closedChain() {
        WaitGraph graph = WaitGraph.capture();
        return graph.closes() ? shortened(graph.describe()) : null;
    }

    /// The same re-entry is told once, with how often it came.
    static String shortened(String story) {
        List<String> told = new ArrayList<>();
        int reentries = 0;
        for (String line : story.lines().toList()) {
            if (!line.startsWith(REENTRY) || reentries++ == 0) {
                told.add(line);
            }
        }
        if (reentries > 1) {
            told.add(REENTRY + " this happened " + reentries + " times or more before.");
        }
        return String.join("\n", told);
    }

    private String progress(Sample sample) {
        return String.format(Locale.ROOT, "%4.1f s  %-26s  %,9d operations  %5.1f MiB free  "
                + "%,7d stalls", sample.millis() / 1e3, phase.title(), sample.ops(),
                sample.free() * (double) Frames.SIZE / (1 << 20), sample.stalls());
    }

    private void send(Kind kind, Map<Figure, Double> figures, Map<String, Object> more) {
        Map<String, @Nullable Object> values = new LinkedHashMap<>(more);
        values.put("figures", byKey(figures));
        Map<String, Object> parts = new LinkedHashMap<>();
        phases.forEach((p, f) -> parts.put(p.name(), byKey(f)));
        values.put("phases", parts);
        new Event(kind, values).send(out);
    }

    private static Map<String, Object> byKey(Map<Figure, Double> figures) {
        Map<String, Object> map = new LinkedHashMap<>();
        figures.forEach((figure, value) -> map.put(figure.key(), value));
        return map;
    }
}
