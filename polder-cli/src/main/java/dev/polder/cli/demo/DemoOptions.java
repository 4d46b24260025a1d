package dev.polder.cli.demo;

import dev.polder.cli.load.DemoPolicy;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What the user asked the demo for, already checked.
///
/// @param budgetBytes the pool's budget
/// @param seconds how long each policy runs
/// @param input the directory to read; null for the JDK's sources
/// @param rounds how often each policy runs
/// @param seed the trace's seed
/// @param policies which policies run
/// @param check whether the lock checker watches
/// @param json where the figures go; null for nowhere
/// @param report where the page goes; null for nowhere
/// @param workDir where temporary files go; null for the system's place
record DemoOptions(long budgetBytes, double seconds, @Nullable Path input, int rounds, long seed,
        List<DemoPolicy> policies, boolean check, @Nullable Path json, @Nullable Path report,
        @Nullable Path workDir) {}
