package dev.polder.page;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.gfp.Gfp;
import dev.polder.shrinker.ShrinkControl;
import dev.polder.testkit.Row;
import dev.polder.testkit.Truth;
import dev.polder.testkit.TruthRow;
import dev.polder.vmalloc.ScopeProgram;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Semaphore;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// The first phase of the recorded shortages: most memory is a clean cache's, and one request
/// follows another until so much of it was reclaimed, or a request gets nothing.
///
/// What decides on a machine is fixed here. The cache gives single frames in the order of their
/// use, not of their addresses, so that much is free before a long run is. And kswapd comes late,
/// as on a machine where one thread takes memory as fast as it can: when half of the reserve is
/// used; until it is done the thread waits.
@Row({"D5", "D6", "D7", "D9"})
@Timeout(60)
final class FirstReclaimConformanceTest {
    private static final int CACHED = 3000;
    /// A third of the cache, as in the recording.
    private static final int TARGET = 1000;

    private final PageRig rig = new PageRig();
    private final Queue<Long> cache = new ConcurrentLinkedQueue<>();
    private final Semaphore turnOfKswapd = new Semaphore(0);

    static Stream<TruthRow> rows() {
        return Truth.rows("exhaustion.csv").stream()
                .filter(r -> r.get("phase").equals("reclaim16M"));
    }

    @ParameterizedTest
    @MethodSource("rows")
    void whatIsReclaimedFirst(TruthRow row) {
        fillTheCache();
        rig.kswapd.start();
        rig.clock.awaitParked(1);
        int order = Integer.parseInt(row.get("order"));
        int gfp = Gfp.parse(row.get("mask"));
        boolean reached;
        try {
            reached = ScopeProgram.run(row.get("prog"), () -> take(order, gfp)) != 0;
        } finally {
            turnOfKswapd.release();
            rig.kswapd.close();
        }
        assertThat(reached ? "target-reached" : "NULL").as("%s", row.values())
                .isEqualTo(row.get("verdict"));
        cache.forEach(rig.pages::free);
        rig.close();
    }

    private void fillTheCache() {
        List<Long> frames = new ArrayList<>();
        for (int i = 0; i < CACHED; i++) {
            frames.add(rig.pages.alloc(0, Gfp.NOWAIT));
        }
        Collections.shuffle(frames, new Random(17));
        cache.addAll(frames);
        rig.shrinker("clean pages", null, CACHED, this::give);
    }

    private long give(ShrinkControl sc) {
        if (!sc.background()) {
            return drop(sc.toScan());
        }
        turnOfKswapd.acquireUninterruptibly();
        try {
            return drop(sc.toScan());
        } finally {
            turnOfKswapd.release();
        }
    }

    private long drop(long most) {
        long freed = 0;
        for (Long frame = cache.poll(); frame != null; frame = cache.poll()) {
            rig.pages.free(frame);
            if (++freed == most) {
                break;
            }
        }
        return freed;
    }

    /// 1 once so much was reclaimed, 0 as soon as a request gets nothing.
    private long take(int order, int gfp) {
        while (CACHED - cache.size() < TARGET) {
            long run = rig.pages.alloc(order, gfp);
            if (run == 0) {
                return 0;
            }
            rig.keep(run);
            if (rig.zone.free() < PageRig.MIN / 2) {
                turnOfKswapd.release();
                rig.clock.awaitParked(1);
                turnOfKswapd.acquireUninterruptibly();
            }
        }
        return 1;
    }
}
