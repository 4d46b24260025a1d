package dev.polder.cli.report;

import dev.polder.cli.console.ByteSize;
import java.util.Locale;

/// What a figure counts, and so how it is printed.
public enum Unit {
    /// Events or things.
    COUNT,
    /// Bytes.
    BYTES,
    /// Milliseconds.
    MILLIS,
    /// Microseconds.
    MICROS,
    /// A part of 1, printed in percent.
    SHARE,
    /// Events in a second.
    PER_SECOND;

    /// The value as people read it.
    public String text(double value) {
        return switch (this) {
            case COUNT -> String.format(Locale.ROOT, "%,.0f", value);
            case PER_SECOND -> String.format(Locale.ROOT, value < 100 ? "%,.1f" : "%,.0f", value);
            case BYTES -> ByteSize.text(value);
            case MILLIS -> time(value / 1e3);
            case MICROS -> time(value / 1e6);
            case SHARE -> String.format(Locale.ROOT, "%.1f %%", value * 100);
        };
    }

    /// How far two values may lie apart by chance when each was measured once. A single run has no
    /// spread of its own: a quarter of the value, and for events what counting them scatters.
    double chance(double value) {
        double quarter = Math.abs(value) / 4;
        return switch (this) {
            case COUNT -> Math.max(quarter, 3 * Math.sqrt(Math.abs(value)));
            case SHARE -> 0.05;
            default -> quarter;
        };
    }

    private static String time(double seconds) {
        if (seconds >= 1) {
            return String.format(Locale.ROOT, "%.2f s", seconds);
        }
        double millis = seconds * 1e3;
        if (millis >= 0.1 || seconds == 0) {
            return String.format(Locale.ROOT, millis >= 10 ? "%.0f ms" : "%.1f ms", millis);
        }
        return String.format(Locale.ROOT, "%.0f \u00b5s", seconds * 1e6);
    }
}
