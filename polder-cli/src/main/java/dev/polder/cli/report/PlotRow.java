package dev.polder.cli.report;

import dev.polder.cli.console.ByteSize;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.DoubleFunction;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/// One row of the page: the same plot of every policy, side by side on one scale.
///
/// @param title the heading
/// @param text one sentence on how to read it
/// @param legend colour classes and their names; empty for a single series
/// @param plots one SVG for each policy
record PlotRow(String title, String text, List<Key> legend, List<String> plots) {

    /// A colour and what it stands for.
    record Key(String style, String name) {}

    private record Victim(Key key, ToDoubleFunction<Sample> frames) {}

    private static final List<Victim> VICTIMS = List.of(
            new Victim(new Key("texts", "texts"), Sample::texts),
            new Victim(new Key("index", "index"), Sample::index),
            new Victim(new Key("rendered", "rendered (the bystander)"), Sample::rendered),
            new Victim(new Key("own", "Polder's own caches"), Sample::own));

    /// All rows of the page.
    static List<PlotRow> of(Outcome outcome) {
        return List.of(free(outcome), reclaim(outcome), stalls(outcome), latency(outcome));
    }

    private static PlotRow free(Outcome outcome) {
        double marks = 0;
        double free = 0;
        for (Course c : courses(outcome)) {
            if (!c.isEmpty()) {
                marks = Math.max(marks, (double) c.last().high() * 4096);
                free = Math.max(free, Course.highest(c.free()));
            }
        }
        Scale scale = Scale.linear(Math.clamp(free, marks * 1.2 + 1, marks * 5 + 2));
        List<String> plots = plots(outcome, scale, ByteSize::text, (plot, c) -> plot
                .mark("min", (double) c.last().min() * 4096, "")
                .mark("low", (double) c.last().low() * 4096, "")
                .mark("high", (double) c.last().high() * 4096, "high")
                .line("free", c.free()));
        return new PlotRow("Free memory against the watermarks",
                "Dashed: min, low and high. Below low "
                + "kswapd is woken, below min threads reclaim themselves. What lies above the "
                + "scale is "
                + "cut off.", List.of(), plots);
    }

    private static PlotRow reclaim(Outcome outcome) {
        double highest = courses(outcome).stream()
                .mapToDouble(c -> Course.highest(stacked(c).getLast())).max().orElse(1);
        List<String> plots = plots(outcome, Scale.linear(highest), PlotRow::count, (plot, c) -> {
            List<List<Plot.Point>> layers = stacked(c);
            for (int v = 0; v < VICTIMS.size(); v++) {
                plot.area(VICTIMS.get(v).key().style(), layers.get(v + 1), layers.get(v));
            }
        });
        return new PlotRow("Reclaim by victim",
                "Frames a second, stacked: whom the memory was taken "
                + "from.", VICTIMS.stream().map(Victim::key).toList(), plots);
    }

    private static PlotRow stalls(Outcome outcome) {
        double highest = courses(outcome).stream()
                .mapToDouble(c -> Course.highest(c.rate(Sample::stallMillis))).max().orElse(1);
        List<String> plots =
                plots(outcome, Scale.linear(Math.max(highest, 10)), v -> count(v) + " ms",
                (plot, c) -> {
                    List<Plot.Point> points = c.rate(Sample::stallMillis);
                    plot.area("stall", points, zero(points)).line("stall", points);
                });
        return new PlotRow("Stalls",
                "Milliseconds in a second that threads spent in direct reclaim, all "
                + "threads together.", List.of(), plots);
    }

    private static PlotRow latency(Outcome outcome) {
        double highest = 0;
        double lowest = Double.MAX_VALUE;
        for (Course c : courses(outcome)) {
            for (Plot.Point p : c.latency()) {
                highest = Math.max(highest, p.value());
                lowest = Math.min(lowest, p.value());
            }
        }
        Scale scale = Scale.logarithmic(Math.min(lowest, 1e9), highest);
        List<String> plots = plots(outcome, scale, PlotRow::micros,
                (plot, c) -> plot.line("latency", c.latency()));
        return new PlotRow("Latency of requests, p99",
                "Over each interval, from the moment a request was "
                + "due; the scale is logarithmic.", List.of(), plots);
    }

    /// The lower border, and above it one line for each victim.
    private static List<List<Plot.Point>> stacked(Course course) {
        List<List<Plot.Point>> layers = new ArrayList<>();
        layers.add(zero(course.rate(Sample::ops)));
        for (Victim victim : VICTIMS) {
            List<Plot.Point> below = layers.getLast();
            List<Plot.Point> rate = course.rate(victim.frames());
            layers.add(IntStream.range(0, rate.size()).mapToObj(i -> new Plot.Point(
                    rate.get(i).second(), rate.get(i).value() + below.get(i).value())).toList());
        }
        return layers;
    }

    private static List<Plot.Point> zero(List<Plot.Point> like) {
        return like.stream().map(p -> new Plot.Point(p.second(), 0)).toList();
    }

    /// Draws one run's series.
    private interface Drawing {
        void draw(Plot plot, Course course);
    }

    private static List<String> plots(Outcome outcome, Scale scale,
            DoubleFunction<String> unit, Drawing drawing) {
        List<String> plots = new ArrayList<>();
        for (PolicyResult policy : outcome.policies()) {
            Course course = new Course(policy.last().samples());
            Plot plot = new Plot(scale, outcome.setting().seconds(), unit).axes();
            if (!course.isEmpty()) {
                drawing.draw(plot, course);
            }
            if (policy.last().deadlock() != null) {
                plot.end(course.end(), "deadlock");
            }
            plots.add(plot.svg(policy.name()));
        }
        return plots;
    }

    private static List<Course> courses(Outcome outcome) {
        return outcome.policies().stream().map(p -> new Course(p.last().samples())).toList();
    }

    private static String count(double value) {
        return value >= 10_000 ? String.format(Locale.ROOT, "%.0fk", value / 1000)
                : value >= 1_000 ? String.format(Locale.ROOT, "%.1fk", value / 1000)
                : String.format(Locale.ROOT, "%.0f", value);
    }

    private static String micros(double value) {
        return value >= 1e6 ? count(value / 1e6) + " s" : value >= 1e3 ? count(value / 1e3) + " ms"
                : count(value) + " \u00b5s";
    }
}
