package dev.polder.cli.demo;

import dev.polder.cli.console.CannotRun;
import dev.polder.cli.console.Progress;
import dev.polder.cli.load.Event;
import dev.polder.cli.load.RunPlan;
import dev.polder.cli.report.Figure;
import dev.polder.cli.report.RunResult;
import dev.polder.cli.report.Sample;
import dev.polder.cli.trace.Phase;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// One process from its start to its end, and what it said.
final class PolicyRun {

    private final RunPlan plan;
    private final String title;
    private final Progress progress;
    private final List<Sample> samples = new ArrayList<>();
    private final List<String> findings = new ArrayList<>();

    private PolicyRun(RunPlan plan, String title, Progress progress) {
        this.plan = plan;
        this.title = title;
        this.progress = progress;
    }

    /// Fills the stores from the input.
    static void fill(RunPlan plan, Path errors, Progress progress) throws IOException {
        new PolicyRun(plan, "fill the stores", progress).go(errors, null);
    }

    /// Runs a policy, until it is done or deadlocked.
    ///
    /// @param title what the progress line begins with
    /// @param agent the lock checker's `-javaagent` option; null without it
    static RunResult run(RunPlan plan, String title, Path errors, Progress progress,
            @Nullable String agent) throws IOException {
        PolicyRun run = new PolicyRun(plan, title, progress);
        try {
            return result(run.go(errors, agent));
        } catch (ProcessFailed e) {
            return new RunResult(Map.of(), Map.of(), String.valueOf(e.getMessage()), null, null,
                    run.samples, run.findings);
        }
    }

    /// A process that did not come to its end; the others may.
    private static final class ProcessFailed extends IOException {
        private static final long serialVersionUID = 1L;

        ProcessFailed(String message) {
            super(message);
        }
    }

    private Event go(Path errors, @Nullable String agent) throws IOException {
        try (ChildProcess child = ChildProcess.start(plan, errors, agent)) {
            Event last = null;
            for (Event e = child.next(); e != null; e = child.next()) {
                switch (e.kind()) {
                    case PROGRESS -> progress.moved(title + ": " + e.text());
                    case SAMPLE -> samples.add(Sample.fromMap(e.values()));
                    case FINDING -> findings.add(e.text());
                    case CANNOT -> throw new CannotRun(e.text());
                    case RESULT -> last = e;
                    case DEADLOCK -> {
                        return withSamples(e);
                    }
                    case DONE -> {
                        return withSamples(last == null ? e : last);
                    }
                }
            }
            throw new ProcessFailed("its process ended too early, " + child.lastWords());
        }
    }

    private Event withSamples(Event event) {
        event.values().put("samples", samples);
        event.values().put("findings", findings);
        return event;
    }

    private static RunResult result(Event event) {
        Map<String, @Nullable Object> values = event.values();
        Map<Phase, Map<Figure, Double>> phases = new EnumMap<>(Phase.class);
        if (values.get("phases") instanceof Map<?, ?> map) {
            for (Phase phase : Phase.values()) {
                phases.put(phase, figures(map.get(phase.name())));
            }
        }
        List<Sample> samples = new ArrayList<>();
        if (values.get("samples") instanceof List<?> list) {
            list.forEach(s -> samples.add((Sample) s));
        }
        List<String> findings = new ArrayList<>();
        if (values.get("findings") instanceof List<?> list) {
            list.forEach(f -> findings.add(String.valueOf(f)));
        }
        return new RunResult(figures(values.get("figures")), phases, null,
                event.kind() == Event.Kind.DEADLOCK ? event.text() : null,
                values.get("verified") instanceof Boolean b ? b : null, samples, findings);
    }

    private static Map<Figure, Double> figures(@Nullable Object values) {
        Map<Figure, Double> figures = new EnumMap<>(Figure.class);
        if (values instanceof Map<?, ?> map) {
            map.forEach((key, value) -> {
                Figure figure = Figure.of(String.valueOf(key));
                if (figure != null && value instanceof Number n) {
                    figures.put(figure, n.doubleValue());
                }
            });
        }
        return figures;
    }
}
