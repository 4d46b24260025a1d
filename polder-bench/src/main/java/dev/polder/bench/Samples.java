package dev.polder.bench;

import java.util.Arrays;

/// What was measured of one row: the processor time of each iteration of every fork, and the
/// garbage.
final class Samples {
    final Row row;
    private double[] nanos = {};
    private double garbage;

    Samples(Row row) {
        this.row = row;
    }

    /// Adds an iteration.
    void add(double nanosPerOperation) {
        nanos = Arrays.copyOf(nanos, nanos.length + 1);
        nanos[nanos.length - 1] = nanosPerOperation;
    }

    /// Notes the bytes of Java heap for each operation; the most of all forks counts.
    void garbage(double bytesPerOperation) {
        garbage = Math.max(garbage, bytesPerOperation);
    }

    double[] nanos() {
        return nanos.clone();
    }

    double garbage() {
        return garbage;
    }

    /// The middle one; 0 when nothing was measured.
    double median() {
        double[] sorted = sorted();
        int n = sorted.length;
        return n == 0 ? 0 : (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
    }

    /// The smallest one; 0 when nothing was measured.
    double minimum() {
        return nanos.length == 0 ? 0 : sorted()[0];
    }

    private double[] sorted() {
        double[] sorted = nanos.clone();
        Arrays.sort(sorted);
        return sorted;
    }
}
