package dev.polder.cli.load;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What a policy's process is to do; it travels as the process's arguments.
///
/// @param task what to do
/// @param policy under which policy
/// @param budgetBytes the pool's budget
/// @param phaseMillis how long each phase lasts
/// @param corpus the folder with the input's texts
/// @param stores the folder with the stores' files
/// @param trace the trace's file
/// @param traceHash the hash that the trace must have
public record RunPlan(Task task, DemoPolicy policy, long budgetBytes, long phaseMillis, Path corpus,
        Path stores, Path trace, String traceHash) {

    /// What a process can be started for.
    public enum Task {
        /// Fill both stores from the input.
        FILL,
        /// Go through the trace, then read everything back.
        RUN
    }

    /// As arguments.
    public List<String> toArguments() {
        return List.of("task=" + task, "policy=" + policy, "budget=" + budgetBytes,
                "phase=" + phaseMillis, "corpus=" + corpus, "stores=" + stores, "trace=" + trace,
                "hash=" + traceHash);
    }

    /// And back.
    ///
    /// @throws IllegalArgumentException when they are not what [#toArguments] made
    public static RunPlan fromArguments(String[] arguments) {
        Map<String, String> values = new HashMap<>();
        for (String argument : arguments) {
            int at = argument.indexOf('=');
            if (at < 0) {
                throw new IllegalArgumentException("not name=value: " + argument);
            }
            values.put(argument.substring(0, at), argument.substring(at + 1));
        }
        return new RunPlan(Task.valueOf(need(values, "task")),
                DemoPolicy.valueOf(need(values, "policy")), Long.parseLong(need(values, "budget")),
                Long.parseLong(need(values, "phase")), Path.of(need(values, "corpus")),
                Path.of(need(values, "stores")), Path.of(need(values, "trace")),
                need(values, "hash"));
    }

    private static String need(Map<String, String> values, String name) {
        @Nullable String value = values.get(name);
        if (value == null) {
            throw new IllegalArgumentException("argument " + name + "= is missing");
        }
        return value;
    }
}
