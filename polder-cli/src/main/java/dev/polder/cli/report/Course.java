package dev.polder.cli.report;

import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;

/// One run over time, as series of points for the plots.
final class Course {

    private static final int FRAME = 4096;

    /// Rates are taken over this time: shorter, and they show the sampling; longer, and the phases'
    /// borders are lost.
    private static final long WINDOW_MILLIS = 500;

    private final List<Sample> samples;

    Course(List<Sample> samples) {
        this.samples = samples;
    }

    /// Whether there is anything to plot.
    boolean isEmpty() {
        return samples.size() < 2;
    }

    /// When the last sample was taken, in seconds.
    double end() {
        return samples.isEmpty() ? 0 : samples.getLast().millis() / 1e3;
    }

    /// The watermarks stand still: those of the last sample.
    Sample last() {
        return samples.getLast();
    }

    /// Free memory in bytes.
    List<Plot.Point> free() {
        return values(s -> (double) s.free() * FRAME);
    }

    /// The p99 of each interval in microseconds, where there were requests.
    List<Plot.Point> latency() {
        return values(Sample::p99Micros).stream().filter(p -> p.value() > 0).toList();
    }

    /// What a count that goes up grew by in a second.
    List<Plot.Point> rate(ToDoubleFunction<Sample> count) {
        List<Plot.Point> points = new ArrayList<>();
        int from = 0;
        for (int to = 1; to < samples.size(); to++) {
            while (samples.get(to).millis() - samples.get(from).millis() > WINDOW_MILLIS) {
                from++;
            }
            Sample a = samples.get(Math.min(from, to - 1));
            Sample b = samples.get(to);
            double seconds = Math.max(1, b.millis() - a.millis()) / 1e3;
            points.add(new Plot.Point(b.millis() / 1e3,
                    Math.max(0, count.applyAsDouble(b) - count.applyAsDouble(a)) / seconds));
        }
        return points;
    }

    /// The greatest value of a series; 0 if it is empty.
    static double highest(List<Plot.Point> points) {
        return points.stream().mapToDouble(Plot.Point::value).max().orElse(0);
    }

    private List<Plot.Point> values(ToDoubleFunction<Sample> value) {
        return samples.stream()
                .map(s -> new Plot.Point(s.millis() / 1e3, value.applyAsDouble(s))).toList();
    }
}
