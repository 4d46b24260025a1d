package dev.polder.cli.load;

import dev.polder.cli.report.Figure;
import dev.polder.cli.trace.Actor;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import org.HdrHistogram.Histogram;
import org.HdrHistogram.SingleWriterRecorder;
import org.jspecify.annotations.Nullable;

/// Latencies of all operations. Each actor records into its own recorder; the sampler takes what
/// came since it last asked.
final class Latency {

    /// An hour: nothing in a demo takes longer and is still told.
    private static final long HIGHEST_NANOS = 3_600_000_000_000L;
    private static final int DIGITS = 3;

    private final Map<Actor, SingleWriterRecorder> recorders = new EnumMap<>(Actor.class);
    private final Map<Actor, Histogram> totals = new EnumMap<>(Actor.class);
    private final Histogram requests = new Histogram(HIGHEST_NANOS, DIGITS);
    private final Histogram interval = new Histogram(HIGHEST_NANOS, DIGITS);

    Latency() {
        for (Actor actor : Actor.values()) {
            recorders.put(actor, new SingleWriterRecorder(HIGHEST_NANOS, DIGITS));
            totals.put(actor, new Histogram(HIGHEST_NANOS, DIGITS));
        }
    }

    /// Notes one operation. By the actor's thread only.
    ///
    /// @param nanos from when it was due to its end
    void record(Actor actor, long nanos) {
        SingleWriterRecorder recorder = Objects.requireNonNull(recorders.get(actor), "actor");
        recorder.recordValue(Math.clamp(nanos, 0, HIGHEST_NANOS));
    }

    /// Takes what came since the last call.
    ///
    /// @return the 99th percentile of the clients' requests in microseconds, 0 if none came
    synchronized double takeInterval() {
        interval.reset();
        recorders.forEach((actor, recorder) -> {
            Histogram fresh = recorder.getIntervalHistogram();
            totals.merge(actor, fresh, (all, more) -> {
                all.add(more);
                return all;
            });
            if (!actor.writer()) {
                interval.add(fresh);
            }
        });
        requests.add(interval);
        return interval.getTotalCount() == 0 ? 0 : interval.getValueAtPercentile(99) / 1e3;
    }

    /// Adds the percentiles of everything taken so far.
    synchronized void addTo(Map<Figure, Double> figures) {
        put(figures, Figure.P50, requests, 50);
        put(figures, Figure.P99, requests, 99);
        put(figures, Figure.P999, requests, 99.9);
        put(figures, Figure.SLOWEST_UPDATE, totals.get(Actor.TEXTS_WRITER), 100);
        put(figures, Figure.SLOWEST_MERGE, totals.get(Actor.INDEX_WRITER), 100);
    }

    private static void put(Map<Figure, Double> figures, Figure figure, @Nullable Histogram of,
            double percentile) {
        if (of != null && of.getTotalCount() > 0) {
            figures.put(figure, of.getValueAtPercentile(percentile) / 1e3);
        }
    }
}
