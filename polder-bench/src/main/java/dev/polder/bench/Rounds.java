package dev.polder.bench;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.results.BenchmarkResult;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/// Runs every row once in each round, each time in a JVM of its own: what the machine does
/// meanwhile, a slow quarter of an hour say, then falls upon all rows and not upon one.
final class Rounds {
    /// As who wants speed sets the peers up: above half a GiB, below which Netty's adaptive
    /// allocator does without its caches; its leak detector off, which follows one buffer in 128
    /// and was seen to take a third of a pair; Arrow without its checks of each access.
    private static final List<String> JVM = List.of("-Xms1g", "-Xmx1g",
            "--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow",
            "-Dio.netty.noUnsafe=false", "-Dio.netty.leakDetectionLevel=disabled",
            "-Darrow.enable_unsafe_memory_access=true",
            "--add-opens=java.base/java.nio=ALL-UNNAMED",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=error");
    private static final List<String> PLATFORM = List.of("-Djmh.executor=CUSTOM",
            "-Djmh.executor.class=" + BenchThreads.class.getName());
    private static final List<String> VIRTUAL = List.of("-Djmh.executor=VIRTUAL");

    private final Settings settings;
    private final PrintStream progress;

    Rounds(Settings settings, PrintStream progress) {
        this.settings = settings;
        this.progress = progress;
    }

    /// Measures the rows; those whose peer this machine has not are left out, and named.
    List<Samples> measure(List<Row> rows) throws RunnerException {
        Map<Row, Samples> samples = new LinkedHashMap<>();
        for (Row row : rows) {
            if (jvmOptions(row).isPresent()) {
                samples.put(row, new Samples(row));
            } else {
                progress.println("left out: " + row.peer() + ", no such library here");
            }
        }
        for (int round = 1; round <= settings.rounds(); round++) {
            for (Map.Entry<Row, Samples> e : samples.entrySet()) {
                Row row = e.getKey();
                run(row, e.getValue());
                progress.printf("round %d: %s, %s: %.1f ns%n", round, row.table(), row.peer(),
                        e.getValue().median());
            }
        }
        return new ArrayList<>(samples.values());
    }

    private void run(Row row, Samples samples) throws RunnerException {
        ChainedOptionsBuilder options = new OptionsBuilder()
                .include("\\." + row.benchmark().replace(".", "\\.") + "$")
                .mode(Mode.AverageTime)
                .timeUnit(TimeUnit.NANOSECONDS)
                .threads(row.threads())
                .forks(settings.forks())
                .warmupIterations(settings.warmups())
                .warmupTime(TimeValue.milliseconds(settings.millis()))
                .measurementIterations(settings.iterations())
                .measurementTime(TimeValue.milliseconds(settings.millis()))
                .jvmArgs(jvmOptions(row).orElse(List.of()).toArray(new String[0]))
                .addProfiler(CpuTime.class)
                .addProfiler(GCProfiler.class)
                .verbosity(VerboseMode.SILENT)
                .shouldFailOnError(true);
        if (row.size() > 0) {
            options.param("peer", row.peer()).param("size", Integer.toString(row.size()));
        }
        for (RunResult run : new Runner(options.build()).run()) {
            take(run, samples);
        }
    }

    private static void take(RunResult run, Samples samples) {
        for (BenchmarkResult fork : run.getBenchmarkResults()) {
            for (IterationResult iteration : fork.getIterationResults()) {
                figure(iteration.getSecondaryResults(), CpuTime.LABEL).ifPresent(samples::add);
            }
        }
        figure(run.getSecondaryResults(), "gc.alloc.rate.norm").ifPresent(samples::garbage);
    }

    @SuppressWarnings("rawtypes") // as JMH declares it
    private static Optional<Double> figure(Map<String, Result> results, String label) {
        return results.entrySet().stream().filter(e -> e.getKey().endsWith(label)).findFirst()
                .map(e -> e.getValue().getScore());
    }

    private Optional<List<String>> jvmOptions(Row row) {
        return NativePeer.options(row.peer(), settings.libraries()).map(library -> {
            List<String> all = new ArrayList<>(JVM);
            all.addAll(row.virtual() ? VIRTUAL : PLATFORM);
            all.addAll(library);
            return all;
        });
    }
}
