package dev.polder.reclaim;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/// The pool of reclaim runs: each control has one user at a time, and none is made without need.
final class ScanControlsTest {

    private final ScanControls controls = new FakePool().vmscan.controls();

    @Test
    void whatWasGivenBackIsTakenAgain() {
        ScanControl first = controls.take();
        ScanControl second = controls.take();
        assertThat(second).isNotSameAs(first);
        controls.give(first);
        controls.give(second);
        assertThat(controls.take()).isSameAs(second);
        assertThat(controls.take()).isSameAs(first);
        assertThat(controls.made()).isEqualTo(2);
    }

    @Test
    void noControlHasTwoUsers() throws InterruptedException {
        int threads = 4;
        Set<ScanControl> used = ConcurrentHashMap.newKeySet();
        AtomicInteger shared = new AtomicInteger();
        List<Thread> all = new ArrayList<>();
        for (int t = 0; t < threads; t++) {
            all.add(Thread.ofPlatform().start(() -> {
                for (int i = 0; i < 20_000; i++) {
                    ScanControl one = controls.take();
                    ScanControl two = controls.take();
                    shared.addAndGet(used.add(one) ? 0 : 1);
                    shared.addAndGet(used.add(two) ? 0 : 1);
                    used.remove(two);
                    used.remove(one);
                    controls.give(one);
                    controls.give(two);
                }
            }));
        }
        for (Thread t : all) {
            t.join();
        }
        assertThat(shared).hasValue(0);
        assertThat(controls.made()).isLessThanOrEqualTo(2 * threads);
    }
}
