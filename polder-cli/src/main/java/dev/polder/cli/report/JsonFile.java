package dev.polder.cli.report;

import dev.polder.cli.json.Json;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The outcome for programs: the keys are fixed, and a figure that does not exist is null.
public final class JsonFile {

    /// A policy's figures, in the order of the file.
    static final List<Figure> FIGURES = List.of(Figure.OPS, Figure.P50, Figure.P99, Figure.P999,
            Figure.HITS, Figure.RECLAIMED, Figure.REFAULTS, Figure.OVER_RECLAIMED,
            Figure.IDLE_ELSEWHERE, Figure.DIRECT_STALLS, Figure.STALL_MILLIS, Figure.KSWAPD_SHARE,
            Figure.SKIPPED, Figure.VMALLOC, Figure.NARROWED, Figure.NOFAIL, Figure.NOIO,
            Figure.FAILURES, Figure.KEYS);

    private JsonFile() {}

    /// The file's text.
    public static String text(Outcome outcome) {
        Outcome.Setting s = outcome.setting();
        Map<String, @Nullable Object> root = new LinkedHashMap<>();
        root.put("budgetBytes", s.budgetBytes());
        root.put("inputBytes", s.inputBytes());
        root.put("seed", s.seed());
        root.put("seconds", number(s.seconds()));
        root.put("jdk", s.jdk());
        root.put("cpus", s.cpus());
        List<Object> policies = new ArrayList<>();
        outcome.policies().forEach(p -> policies.add(policy(p)));
        root.put("policies", policies);
        return Json.pretty(root);
    }

    private static Map<String, @Nullable Object> policy(PolicyResult p) {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        map.put("name", p.name());
        map.put("deadlocked", p.deadlocked());
        for (Figure figure : FIGURES) {
            map.put(figure.key(), number(figure, p.median(figure)));
        }
        map.put("verifyOk", p.verified());
        return map;
    }

    private static @Nullable Object number(Figure figure, @Nullable Double value) {
        if (value == null || value.isNaN()) {
            return null;
        }
        return switch (figure.unit()) {
            case COUNT, BYTES -> Math.round(value);
            case SHARE -> Math.round(value * 1e4) / 1e4;
            default -> number(Math.round(value * 10) / 10.0);
        };
    }

    /// Whole numbers without a point.
    private static Object number(double value) {
        return value == Math.rint(value) ? (Object) (long) value : (Object) value;
    }
}
