package dev.polder.page;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.PolderEvents;
import dev.polder.memgroup.MemGroup;
import dev.polder.os.Clock;
import dev.polder.testkit.Row;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// For whom those wait who wait for memory, as it is told.
@Row("D23")
final class AwaitedTest {
    private static final int DIRECT = Gfp.KERNEL & ~Gfp.KSWAPD_RECLAIM;
    private static final long SECOND = Clock.HZ * Clock.TICK_NANOS;

    private final List<String> told = new CopyOnWriteArrayList<>();
    private final PageRig rig = new PageRig();
    private final MemGroup tenant = rig.root.create("tenant");

    @BeforeEach
    void listen() {
        PolderEvents.listen(new PolderEvents() {
            @Override
            public void waitsFor(String pool, Thread thread, Object whom) {
                told.add(whom.toString());
            }
        });
    }

    @AfterEach
    void close() {
        PolderEvents.listen(null);
        rig.close();
    }

    private static void awaitAll() {
        try {
            assertThat(PolderEvents.awaitDelivered(20, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private void take(MemGroup group, int frames) {
        try (var in = group.enter()) {
            assertThat(in).isNotNull();
            for (int i = 0; i < frames; i++) {
                rig.keep(rig.pages.alloc(0, Gfp.NOWAIT));
            }
        }
    }

    private String awaited() {
        return new Awaited(rig.root, rig.shrinkers, new Victims(new PageAllocator.Parts("rig",
                rig.zone, rig.memory, rig.vmscan, rig.kswapd, rig.shrinkers, rig.stat, rig.clock,
                rig.root, OutOfMemoryPolicy.largestGroup())), () -> null).toString();
    }

    @Test
    void itNamesTheLargestHolders() {
        assertThat(awaited()).isEqualTo(
                "whoever frees something; no group, shrinker or object cache holds"
                + " any");
        for (int frames = 1; frames <= 4; frames++) {
            take(rig.root.create("query-" + frames), frames);
        }
        assertThat(awaited()).isEqualTo("whoever frees something; most is held by "
                + "group rig/query-4 (16384 bytes), group rig/query-3 (12288 bytes), "
                + "group rig/query-2 (8192 bytes)");
    }

    /// A request that a group's limit keeps waiting: the sibling was failed, and gives way a frame
    /// at a time.
    @Test
    void belowAGroupsLimitItIsTheSiblingThatWasFailed() {
        MemGroup one = tenant.create("one");
        MemGroup two = tenant.create("two");
        take(two, 8);
        tenant.max(Frames.bytes(8));
        try (Asker<Long> a = new Asker<>(rig.clock, () -> {
            try (var in = one.enter()) {
                assertThat(in).isNotNull();
                return rig.pages.alloc(2, DIRECT);
            }
        })) {
            assertThat(a.endsWithin(SECOND / 2)).isFalse();
            assertThat(two.failed()).isTrue();
            awaitAll();
            assertThat(told).as("not before a second").isEmpty();
            for (int i = 0; i < 3; i++) {
                rig.release(1);
                assertThat(a.endsWithin(SECOND / 2)).isFalse();
            }
            awaitAll();
            assertThat(told).isNotEmpty().allSatisfy(text -> assertThat(text).startsWith(
                    "group rig/tenant/two, which was failed to make way and still holds "));
            rig.release(1);
            assertThat(a.endsWithin(SECOND)).isTrue();
            assertThat(a.answer()).isNotZero();
            rig.keep(a.answer());
        }
        two.reset();
    }
}
