package dev.polder.bench;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Collection;
import java.util.List;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.infra.IterationParams;
import org.openjdk.jmh.profile.InternalProfiler;
import org.openjdk.jmh.results.AggregationPolicy;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.ScalarResult;

/// Processor time of the whole process for each operation: what is left to trust on a machine that
/// others use too, where the clock on the wall was seen to be wrong by a factor of ten.
///
/// Includes what the JVM's own threads do meanwhile: the collector's work is part of a price.
public final class CpuTime implements InternalProfiler {
    /// The name of the figure in JMH's results.
    public static final String LABEL = "cpu";

    private static final int CLOCK_PROCESS_CPUTIME_ID = 2;
    private static final MethodHandle CLOCK_GETTIME = clockGettime();
    private static final MemorySegment TIME =
            Arena.global().allocate(2 * Long.BYTES, Long.BYTES);

    private long begin;

    @Override
    public String getDescription() {
        return "processor time of the process for each operation";
    }

    @Override
    public void beforeIteration(BenchmarkParams benchmark, IterationParams iteration) {
        begin = processNanos();
    }

    @Override
    public Collection<ScalarResult> afterIteration(BenchmarkParams benchmark,
            IterationParams iteration, IterationResult result) {
        long nanos = processNanos() - begin;
        long operations = Math.max(1, result.getMetadata().getAllOps());
        return List.of(new ScalarResult(LABEL, (double) nanos / operations, "ns/op",
                AggregationPolicy.AVG));
    }

    private static synchronized long processNanos() {
        try {
            int _ = (int) CLOCK_GETTIME.invokeExact(CLOCK_PROCESS_CPUTIME_ID, TIME);
        } catch (Throwable e) {
            throw new IllegalStateException("clock_gettime", e);
        }
        return TIME.get(ValueLayout.JAVA_LONG, 0) * 1_000_000_000L
                + TIME.get(ValueLayout.JAVA_LONG, Long.BYTES);
    }

    @SuppressWarnings("restricted")
    private static MethodHandle clockGettime() {
        Linker linker = Linker.nativeLinker();
        return linker.downcallHandle(linker.defaultLookup().findOrThrow("clock_gettime"),
                FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT,
                        ValueLayout.ADDRESS));
    }
}
