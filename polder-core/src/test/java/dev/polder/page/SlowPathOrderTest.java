package dev.polder.page;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.gfp.Gfp;
import dev.polder.gfp.Memalloc;
import dev.polder.os.Clock;
import dev.polder.page.SlowPathTrace.Step;
import dev.polder.shrinker.Shrinker;
import dev.polder.testkit.Row;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// The steps of row D2 in their order, compaction left out, as a trace of one request for each
/// mask. The attempt above the low mark is the one before ENTER.
@Row({"D2", "D4"})
final class SlowPathOrderTest {
    private static final long SECOND = Clock.HZ * Clock.TICK_NANOS;
    private static final int COSTLY = 4;

    /// D2 (2), (3): once before the loop.
    private static final List<String> BEFORE = List.of("enter", "wake", "attempt min");
    /// D2 (5) to (7): at the head of every round; D4 is the wake.
    private static final List<String> ROUND = List.of("wake", "attempt min");
    /// D2 (10) where nothing was freed.
    private static final List<String> IN_VAIN = List.of("reclaim", "attempt min");
    /// D2 (10) and D7 where something was freed and did not help.
    private static final List<String> NOT_ENOUGH = List.of("reclaim", "attempt min",
            "give back", "drain", "attempt min");
    /// D2 (16): the last of what is kept, then one look above high.
    private static final List<String> END = List.of("give back all", "out of memory",
            "attempt high");

    private final PageRig rig = new PageRig();
    private final List<String> trace = Collections.synchronizedList(new ArrayList<>());

    @BeforeEach
    void record() {
        rig.pages.trace((step, detail) -> trace.add(text(step, detail)));
    }

    @AfterEach
    void close() {
        rig.pages.trace(SlowPathTrace.NONE);
        rig.close();
    }

    private static String text(Step step, long detail) {
        return switch (step) {
            case ENTER -> "enter";
            case WAKE_KSWAPD -> "wake";
            case ATTEMPT -> "attempt " + mark(detail);
            case RECLAIM -> "reclaim";
            case CAPTURED -> "captured";
            case GIVE_BACK_HIGH_ATOMIC -> detail == 0 ? "give back" : "give back all";
            case DRAIN -> "drain";
            case OUT_OF_MEMORY -> "out of memory";
            case WAIT -> "wait";
        };
    }

    private static String mark(long frames) {
        if (frames == 3 * PageRig.MIN) {
            return "high";
        }
        if (frames == PageRig.MIN) {
            return "min";
        }
        if (frames == PageRig.MIN / 2) {
            return "half of min";
        }
        return frames == 3 * PageRig.MIN / 8 ? "three eighths of min" : "without a mark";
    }

    @SafeVarargs
    private static List<String> steps(List<String>... parts) {
        List<String> all = new ArrayList<>();
        for (List<String> part : parts) {
            all.addAll(part);
        }
        return all;
    }

    private static List<String> times(int n, List<String> part) {
        List<String> all = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            all.addAll(part);
        }
        return all;
    }

    /// The trace of one request in a pool at its min mark whose consumers have plenty and give
    /// nothing. The request fails.
    private List<String> failing(int order, int gfp) {
        rig.fill(0, Gfp.NOWAIT);
        rig.shrinker("holds", null, 100_000, sc -> Shrinker.STOP);
        trace.clear();
        try (Asker<Long> a = new Asker<>(rig.clock, () -> rig.pages.alloc(order, gfp))) {
            assertThat(a.endsWithin(30 * SECOND)).as("it fails").isTrue();
            assertThat(a.answer()).isZero();
        }
        return List.copyOf(trace);
    }

    /// The same for a request that goes on until memory comes back; the trace of its first
    /// `seconds`.
    private List<String> waiting(int order, int gfp, int seconds) {
        rig.fill(0, Gfp.MEMALLOC);
        rig.shrinker("holds", null, 100_000, sc -> Shrinker.STOP);
        trace.clear();
        try (Asker<Long> a = new Asker<>(rig.clock, () -> rig.pages.alloc(order, gfp))) {
            assertThat(a.endsWithin(seconds * SECOND)).as("it waits").isFalse();
            List<String> seen = List.copyOf(trace);
            rig.release(2048);
            assertThat(a.endsWithin(30 * SECOND)).isTrue();
            rig.keep(a.answer());
            return seen;
        }
    }

    @Test
    @Row({"D14", "D20"})
    void kernel() {
        assertThat(failing(0, Gfp.KERNEL)).isEqualTo(steps(BEFORE,
                times(17, steps(ROUND, IN_VAIN)), END));
    }

    @Test
    @Row("D16")
    void nofs() {
        List<String> lap = steps(times(17, steps(ROUND, IN_VAIN)), END, List.of("wait"));
        assertThat(waiting(0, Gfp.NOFS, 40)).startsWith(steps(BEFORE, lap, lap).toArray(
                String[]::new));
    }

    @Test
    @Row("D16")
    void noio() {
        List<String> lap = steps(times(17, steps(ROUND, IN_VAIN)), END, List.of("wait"));
        assertThat(waiting(0, Gfp.NOIO, 40)).startsWith(steps(BEFORE, lap, lap).toArray(
                String[]::new));
    }

    @Test
    @Row("D5")
    void nowait() {
        assertThat(failing(0, Gfp.NOWAIT)).isEqualTo(steps(BEFORE, ROUND));
    }

    @Test
    @Row({"D5", "C4"})
    void atomic() {
        rig.fill(0, Gfp.ATOMIC);
        assertThat(failing(0, Gfp.ATOMIC)).containsExactly("enter", "wake",
                "attempt three eighths of min", "wake", "attempt three eighths of min");
    }

    @Test
    @Row("D6")
    void inANoreclaimScope() {
        rig.fill(0, Gfp.MEMALLOC);
        int token = Memalloc.noreclaimSave();
        try {
            assertThat(rig.pages.alloc(0, Gfp.KERNEL)).isZero();
        } finally {
            Memalloc.noreclaimRestore(token);
        }
        assertThat(trace).endsWith("enter", "wake", "attempt min", "wake",
                "attempt without a mark");
    }

    @Test
    @Row("D9")
    void noretry() {
        assertThat(failing(0, Gfp.KERNEL | Gfp.NORETRY)).isEqualTo(
                steps(BEFORE, ROUND, IN_VAIN));
    }

    @Test
    @Row({"D7", "C6"})
    void progressThatDoesNotHelp() {
        rig.fill(0, Gfp.NOWAIT);
        for (int i = 0; i < 8; i++) {
            rig.keep(rig.pages.alloc(0, Gfp.ATOMIC));
        }
        rig.shrinker("gives one", null, 100_000, sc -> {
            if (!rig.released()) {
                rig.release(1);
            }
            return 1L;
        });
        trace.clear();
        try (Asker<Long> a = new Asker<>(rig.clock,
                () -> rig.pages.alloc(0, Gfp.KERNEL | Gfp.NORETRY))) {
            assertThat(a.endsWithin(SECOND)).isTrue();
            assertThat(a.answer()).isZero();
        }
        assertThat(trace).isEqualTo(steps(BEFORE, ROUND, NOT_ENOUGH));
    }

    @Test
    void progressThatHelps() {
        rig.fill(0, Gfp.NOWAIT);
        rig.shrinker("gives", null, 100_000, sc -> {
            rig.release((int) sc.toScan());
            return sc.toScan();
        });
        trace.clear();
        rig.keep(rig.pages.alloc(0, Gfp.KERNEL));
        assertThat(trace).isEqualTo(steps(BEFORE, ROUND, List.of("reclaim", "captured")));
    }

    @Test
    @Row({"D11", "D15"})
    void retryMayfail() {
        assertThat(failing(0, Gfp.KERNEL | Gfp.RETRY_MAYFAIL)).isEqualTo(steps(BEFORE,
                times(17, steps(ROUND, IN_VAIN)), END));
    }

    @Test
    @Row("D11")
    void whereEvenEverythingReclaimableIsNotEnoughOneRoundDoes() {
        rig.fill(0, Gfp.NOWAIT);
        trace.clear();
        try (Asker<Long> a = new Asker<>(rig.clock, () -> rig.pages.alloc(0, Gfp.KERNEL))) {
            assertThat(a.endsWithin(SECOND)).isTrue();
            assertThat(a.answer()).isZero();
        }
        assertThat(trace).isEqualTo(steps(BEFORE, ROUND, IN_VAIN, END));
    }

    @Test
    @Row("D18")
    void nofail() {
        List<String> first = steps(times(17, steps(ROUND, IN_VAIN)), END,
                List.of("attempt without a mark", "wait"));
        assertThat(waiting(0, Gfp.KERNEL | Gfp.NOFAIL, 40)).startsWith(steps(BEFORE, first)
                .toArray(String[]::new));
    }

    @Test
    @Row({"D18", "D9"})
    void nofailWithNoretryTakesFromTheHalfReserveAndGoesRoundAgain() {
        List<String> lap = steps(ROUND, IN_VAIN, List.of("attempt half of min", "wait"));
        assertThat(waiting(0, Gfp.KERNEL | Gfp.NOFAIL | Gfp.NORETRY, 40)).startsWith(
                steps(BEFORE, lap, lap, lap).toArray(String[]::new));
    }

    @Test
    @Row("D10")
    void costly() {
        assertThat(failing(COSTLY, Gfp.KERNEL)).isEqualTo(steps(BEFORE, ROUND, IN_VAIN));
    }

    @Test
    @Row({"D10", "D15"})
    void costlyRetryMayfail() {
        assertThat(failing(COSTLY, Gfp.KERNEL | Gfp.RETRY_MAYFAIL)).isEqualTo(steps(BEFORE,
                times(17, steps(ROUND, IN_VAIN)), END));
    }

    @Test
    @Row("D19")
    void costlyNofailNeverReachesTheEndOfTheRoad() {
        assertThat(waiting(COSTLY, Gfp.KERNEL | Gfp.NOFAIL, 40)).doesNotContain("out of memory")
                .startsWith(steps(BEFORE, ROUND, IN_VAIN, List.of("attempt half of min", "wait"))
                .toArray(String[]::new));
    }
}
