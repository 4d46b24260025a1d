package dev.polder.cli.report;

import java.util.ArrayList;
import java.util.List;

/// The y axis of a row of plots: one scale for all policies, so that they can be compared by eye.
///
/// @param low the least value shown; above 0 when logarithmic
/// @param high the greatest value shown
/// @param logarithmic whether equal distances are equal ratios
record Scale(double low, double high, boolean logarithmic) {

    /// From 0 to the next round number above `highest`.
    static Scale linear(double highest) {
        double step = step(Math.max(highest, 1e-9));
        return new Scale(0, Math.ceil(highest / step - 1e-9) * step, false);
    }

    /// Whole powers of ten that enclose both.
    static Scale logarithmic(double lowest, double highest) {
        double low = Math.pow(10, Math.floor(Math.log10(Math.max(lowest, 1e-3))));
        double high = Math.pow(10, Math.ceil(Math.log10(Math.max(highest, low * 10))));
        return new Scale(low, high, true);
    }

    /// Where a value lies, 0 at the bottom and 1 at the top; what is outside lies on the edge.
    double at(double value) {
        double part = logarithmic
                ? Math.log(Math.max(value, low) / low) / Math.log(high / low)
                : (value - low) / (high - low);
        return Math.clamp(part, 0, 1);
    }

    /// The values at which a line is drawn, from the bottom.
    List<Double> ticks() {
        List<Double> ticks = new ArrayList<>();
        if (logarithmic) {
            for (double v = low; v <= high * 1.001; v *= 10) {
                ticks.add(v);
            }
        } else {
            double step = step(high);
            for (int i = 0; i * step <= high * 1.001; i++) {
                ticks.add(i * step);
            }
        }
        return ticks;
    }

    /// 1, 2 or 5 times a power of ten, so that there are two to five steps.
    private static double step(double highest) {
        double power = Math.pow(10, Math.floor(Math.log10(highest)));
        double lead = highest / power;
        return lead > 5 ? 2 * power : lead > 2 ? power : lead > 1 ? power / 2 : power / 4;
    }
}
