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

    private PolicyRun(RunPlan plan, String title, Progress progress) {
        this.plan = plan;
        this.title = title;
        this.progress = progress;
    }

    /// Fills the stores from the input.
    static void fill(RunPlan plan, Path errors, Progress progress) throws IOException {
        new PolicyRun(plan, "fill the stores", progress).go(errors);
    }

    /// Runs a policy, until it is done or deadlocked.
    ///
    /// @param title what the progress line begins with
    static RunResult run(RunPlan plan, String title, Path errors, Progress progress)
            throws IOException {
        PolicyRun run = new PolicyRun(plan, title, progress);
        try {
            return result(run.go(errors));
        } catch (ProcessFailed e) {
            return new RunResult(Map.of(), Map.of(), String.valueOf(e.getMessage()), null, null,
                    run.samples);
        }
    }

    /// A process that did not come to its end; the others may.
    private static final class ProcessFailed extends IOException {
        private static final long serialVersionUID = 1L;

        ProcessFailed(String message) {
            super(message);
        }
    }

    private Event go(Path errors) throws IOException {
        try (ChildProcess child = ChildProcess.start(plan, errors)) {
            Event last = null;
            for (Event e = child.next(); e != null; e = child.next()) {
                switch (e.kind()) {
                    case PROGRESS -> progress.moved(title + ": " + e.text());
                    case SAMPLE -> samples.add(Sample.fromMap(e.values()));
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
        return new RunResult(figures(values.get("figures")), phases, null,
                event.kind() == Event.Kind.DEADLOCK ? event.text() : null,
                values.get("verified") instanceof Boolean b ? b : null, samples);
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
