package dev.polder.cli.report;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The pool at one moment of a run. What counts up counts from the run's beginning.
///
/// @param millis since the run began
/// @param phase the phase's number
/// @param free free frames, of all pools together
/// @param min the min watermark, likewise
/// @param low the low watermark, likewise
/// @param high the high watermark, likewise
/// @param texts frames reclaimed from the text store so far
/// @param index frames reclaimed from the index so far
/// @param rendered frames reclaimed from the rendered texts so far
/// @param own frames reclaimed from Polder's own caches so far
/// @param stalls direct reclaims so far
/// @param stallMillis time in them so far
/// @param p99Micros latency of the requests since the last sample
/// @param ops operations so far
public record Sample(long millis, int phase, long free, long min, long low, long high,
        long texts, long index, long rendered, long own, long stalls, double stallMillis,
        double p99Micros, long ops) {

    /// As it goes over the wire.
    public Map<String, @Nullable Object> toMap() {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        map.put("s", List.of(millis, phase, free, min, low, high, texts, index, rendered, own,
                stalls, stallMillis, p99Micros, ops));
        return map;
    }

    /// Back again.
    ///
    /// @throws IllegalArgumentException when it is not what [#toMap] made
    public static Sample fromMap(Map<String, @Nullable Object> map) {
        if (!(map.get("s") instanceof List<?> list) || list.size() != 14) {
            throw new IllegalArgumentException("no sample: " + map);
        }
        double[] n = new double[list.size()];
        for (int i = 0; i < n.length; i++) {
            n[i] = list.get(i) instanceof Number v ? v.doubleValue() : 0;
        }
        return new Sample((long) n[0], (int) n[1], (long) n[2], (long) n[3], (long) n[4],
                (long) n[5], (long) n[6], (long) n[7], (long) n[8], (long) n[9], (long) n[10],
                n[11], n[12], (long) n[13]);
    }
}
