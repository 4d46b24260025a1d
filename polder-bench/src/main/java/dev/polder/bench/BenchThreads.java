package dev.polder.bench;

import io.netty.util.concurrent.FastThreadLocalThread;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/// The threads that benchmarks run on: of Netty's own class, without which its caches are off. To
/// Polder they are threads like any other.
///
/// JMH makes one by `-Djmh.executor=CUSTOM`.
public final class BenchThreads extends ThreadPoolExecutor {
    /// As JMH calls it.
    public BenchThreads(int threads, String prefix) {
        super(threads, threads, 0, TimeUnit.SECONDS, new LinkedBlockingQueue<>(),
                work -> new FastThreadLocalThread(work, prefix));
    }
}
