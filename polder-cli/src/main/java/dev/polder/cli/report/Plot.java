package dev.polder.cli.report;

import dev.polder.cli.trace.Phase;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.DoubleFunction;

/// One small plot over a run's time, as inline SVG. Colours come from the page's style sheet, by
/// class.
final class Plot {

    private static final int WIDTH = 260;
    private static final int HEIGHT = 150;
    private static final int LEFT = 44;
    private static final int TOP = 8;
    private static final int BOTTOM = 20;
    private static final int INNER_WIDTH = WIDTH - LEFT - 6;
    private static final int INNER_HEIGHT = HEIGHT - TOP - BOTTOM;

    private final Scale scale;
    private final double seconds;
    private final DoubleFunction<String> unit;
    private final StringBuilder svg = new StringBuilder();

    /// @param scale the row's y axis
    /// @param seconds the length of the x axis
    /// @param unit how a value of the y axis is written
    Plot(Scale scale, double seconds, DoubleFunction<String> unit) {
        this.scale = scale;
        this.seconds = seconds;
        this.unit = unit;
    }

    /// Bands for the phases, with the axes over them.
    Plot axes() {
        Phase[] phases = Phase.values();
        for (int p = 1; p < phases.length; p += 2) {
            add("<rect class='band' x='%.1f' y='%d' width='%.1f' height='%d'/>",
                    x(seconds * p / phases.length), TOP, (double) INNER_WIDTH / phases.length,
                    INNER_HEIGHT);
        }
        for (double tick : scale.ticks()) {
            add("<line class='grid' x1='%d' x2='%d' y1='%.1f' y2='%.1f'/>",
                    LEFT, LEFT + INNER_WIDTH, y(tick), y(tick));
            add("<text class='tick' x='%d' y='%.1f' text-anchor='end'>%s</text>",
                    LEFT - 5, y(tick) + 3.5, unit.apply(tick));
        }
        for (int part = 0; part <= 2; part++) {
            double at = seconds * part / 2;
            add("<text class='tick' x='%.1f' y='%d' text-anchor='%s'>%s s</text>", x(at),
                    HEIGHT - 5, part == 0 ? "start" : part == 2 ? "end" : "middle",
                    at == Math.rint(at) ? String.valueOf((long) at) : String.valueOf(at));
        }
        return this;
    }

    /// A line through the points.
    Plot line(String style, List<Point> points) {
        if (!points.isEmpty()) {
            add("<path class='line %s' d='%s'/>", style, path(points));
        }
        return this;
    }

    /// The area between two lines that have the same times.
    Plot area(String style, List<Point> upper, List<Point> lower) {
        if (!upper.isEmpty()) {
            add("<path class='area %s' d='%s%sZ'/>", style, path(upper),
                    path(lower.reversed()).replace('M', 'L'));
        }
        return this;
    }

    /// A horizontal line at a value, with its name at the right end.
    Plot mark(String style, double value, String name) {
        add("<line class='mark %s' x1='%d' x2='%d' y1='%.1f' y2='%.1f'/>", style, LEFT,
                LEFT + INNER_WIDTH, y(value), y(value));
        add("<text class='tick' x='%d' y='%.1f' text-anchor='end'>%s</text>",
                LEFT + INNER_WIDTH - 2, y(value) - 2.5, name);
        return this;
    }

    /// A vertical line where the run came to its end, with a word.
    Plot end(double at, String word) {
        boolean right = x(at) > LEFT + INNER_WIDTH * 0.55;
        add("<line class='end' x1='%.1f' x2='%.1f' y1='%d' y2='%d'/>", x(at), x(at), TOP,
                TOP + INNER_HEIGHT);
        add("<text class='endword' x='%.1f' y='%d' text-anchor='%s'>%s</text>",
                x(at) + (right ? -5 : 5), TOP + INNER_HEIGHT / 2, right ? "end" : "start", word);
        return this;
    }

    /// The finished element.
    ///
    /// @param description what the plot shows, for those who cannot see it
    String svg(String description) {
        return String.format(Locale.ROOT, "<svg viewBox='0 0 %d %d' role='img' aria-label='%s' "
                + "data-left='%d' data-inner='%d' data-seconds='%s'>%s<line class='cursor' y1='%d' "
                + "y2='%d'/></svg>", WIDTH, HEIGHT, Html.escape(description), LEFT, INNER_WIDTH,
                seconds, svg, TOP, TOP + INNER_HEIGHT);
    }

    /// A value at a time.
    record Point(double second, double value) {}

    private String path(List<Point> points) {
        List<String> parts = new ArrayList<>();
        for (Point p : points) {
            parts.add(String.format(Locale.ROOT, "%s%.1f %.1f", parts.isEmpty() ? "M" : "L",
                    x(p.second()), y(p.value())));
        }
        return String.join("", parts);
    }

    private double x(double second) {
        return LEFT + INNER_WIDTH * Math.clamp(second / seconds, 0, 1);
    }

    private double y(double value) {
        return TOP + INNER_HEIGHT * (1 - scale.at(value));
    }

    private void add(String format, Object... arguments) {
        svg.append(String.format(Locale.ROOT, format, arguments));
    }
}
