package dev.polder.vmalloc;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.base.Frames;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class LazyAreasTest {
    private final LazyAreas lazy = new LazyAreas(20);
    private long next = 1 << 20;

    private VmArea freed(long pages) {
        VmArea a = new VmArea(next, pages, Frames.bytes(pages));
        next += Frames.bytes(pages + 1);
        a.mustStep(VmArea.State.BUILDING, VmArea.State.LAZY);
        lazy.add(a);
        return a;
    }

    private @Nullable VmArea purge() {
        VmArea a = lazy.takeForPurge();
        if (a != null) {
            lazy.purged();
        }
        return a;
    }

    @Test
    void theNewestOfTheSizeIsReusedAndTheOldestOfAllIsPurged() {
        VmArea a = freed(3);
        VmArea b = freed(5);
        VmArea c = freed(3);
        assertThat(lazy.frames()).isEqualTo(11);
        assertThat(lazy.take(4)).isNull();
        assertThat(lazy.take(3)).isSameAs(c);
        assertThat(purge()).isSameAs(a);
        assertThat(a.state()).isEqualTo(VmArea.State.PURGING);
        assertThat(lazy.take(3)).isNull();
        assertThat(lazy.take(5)).isSameAs(b);
        assertThat(purge()).isNull();
        assertThat(lazy.frames()).isZero();
    }

    @Test
    void sizesAboveTheLimitAreFoundToo() {
        VmArea big = freed(100);
        VmArea bigger = freed(200);
        freed(300);
        assertThat(lazy.overLimit()).isTrue();
        assertThat(lazy.take(21)).isNull();
        assertThat(lazy.take(100)).isSameAs(big);
        assertThat(lazy.take(200)).isSameAs(bigger);
        lazy.whileStill(() -> { });
    }

    @Test
    void theLimitIsTheLastThatIsKept() {
        freed(20);
        assertThat(lazy.overLimit()).isFalse();
        freed(1);
        assertThat(lazy.overLimit()).isTrue();
    }

    @Test
    void whatIsNotReusableIsPurgedOnly() {
        VmArea a = new VmArea(next, 3, 1 + 2 * Frames.SIZE);
        a.reusable = false;
        a.mustStep(VmArea.State.BUILDING, VmArea.State.LAZY);
        lazy.add(a);
        assertThat(lazy.take(3)).isNull();
        lazy.whileStill(() -> { });
        assertThat(purge()).isSameAs(a);
    }

    /// Against two plain lists.
    @Test
    void agreesWithANaiveModel() {
        long seed = 7;
        Random random = new Random(seed);
        Deque<VmArea> byAge = new ArrayDeque<>();
        for (int step = 0; step < 5_000; step++) {
            switch (random.nextInt(4)) {
                case 0, 1 -> byAge.addLast(freed(1 + random.nextInt(30)));
                case 2 -> {
                    long pages = random.nextInt(1, 31);
                    List<VmArea> fit = new ArrayList<>(byAge);
                    fit.removeIf(a -> a.pages != pages);
                    VmArea expected = fit.isEmpty() ? null : fit.getLast();
                    assertThat(lazy.take(pages)).as("seed %d step %d", seed, step)
                            .isSameAs(expected);
                    byAge.remove(expected);
                }
                default -> assertThat(purge()).as("seed %d step %d", seed, step)
                        .isSameAs(byAge.pollFirst());
            }
            assertThat(lazy.frames()).isEqualTo(byAge.stream().mapToLong(a -> a.pages).sum());
        }
        lazy.whileStill(() -> { });
    }
}
