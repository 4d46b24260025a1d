package dev.polder.cli.load;

import dev.polder.MemInfo;
import dev.polder.base.Frames;
import dev.polder.cli.report.Sample;
import dev.polder.cli.trace.Phase;
import dev.polder.shrink.ShrinkerHandle;
import dev.polder.stat.VmStat.Item;
import java.util.function.ToLongFunction;

/// Takes samples of a run for the plots.
final class Sampler {

    private final Pools pools;
    private final Crew crew;
    private final Latency latency;
    private final long startNanos = System.nanoTime();
    private final long[] first;

    Sampler(Pools pools, Crew crew, Latency latency) {
        this.pools = pools;
        this.crew = crew;
        this.latency = latency;
        this.first = counts();
    }

    /// The counters that go up, in the order of the sample's fields.
    private long[] counts() {
        long texts = 0;
        long index = 0;
        long rendered = 0;
        for (ShrinkerHandle shrinker : pools.shrinkers()) {
            if (shrinker.name().startsWith("texts")) {
                texts += shrinker.freedFrames();
            } else if (shrinker.name().startsWith("index")) {
                index += shrinker.freedFrames();
            } else {
                rendered += shrinker.freedFrames();
            }
        }
        return new long[] {texts, index, rendered, pools.sum(Item.PGSTEAL_INTERNAL),
            pools.sum(Item.ALLOCSTALL), pools.sum(Item.ALLOCSTALL_NANOS)};
    }

    /// Takes one.
    Sample take(Phase phase) {
        long[] now = counts();
        for (int i = 0; i < now.length; i++) {
            now[i] -= first[i];
        }
        return new Sample((System.nanoTime() - startNanos) / 1_000_000, phase.ordinal(),
                frames(MemInfo::free), frames(MemInfo::min), frames(MemInfo::low),
                frames(MemInfo::high), now[0], now[1], now[2], now[3], now[4], now[5] / 1e6,
                latency.takeInterval(), crew.ended());
    }

    private long frames(ToLongFunction<MemInfo> bytes) {
        return pools.sum(bytes) / Frames.SIZE;
    }
}
