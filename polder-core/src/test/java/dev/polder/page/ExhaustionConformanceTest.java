package dev.polder.page;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.gfp.Gfp;
import dev.polder.gfp.Memalloc;
import dev.polder.gfp.PolderEvents;
import dev.polder.memgroup.MemGroup;
import dev.polder.os.Clock;
import dev.polder.shrinker.Shrinker;
import dev.polder.testkit.FallsShort;
import dev.polder.testkit.Row;
import dev.polder.testkit.Truth;
import dev.polder.testkit.TruthRow;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Memory run dry under each recorded mask and scope: the verdict must be the kernel's. `oom-kill`
/// is recorded where a process could be killed; with only the root group there is nobody to fail,
/// so the request fails, and with a child group that holds the memory that group is failed.
@Row({"D9", "D10", "D16", "D18", "D20"})
final class ExhaustionConformanceTest {
    /// As long as the recording's own watchdog waited.
    private static final long WATCHDOG_NANOS = 6 * Clock.HZ * Clock.TICK_NANOS;

    /// Real seconds for events to come by on their thread.
    private static final long PATIENCE_SECONDS = 20;

    private static final long STEP_NANOS = 25 * Clock.TICK_NANOS;

    static Stream<TruthRow> rows() {
        return Truth.rows("exhaustion.csv").stream()
                .filter(r -> r.get("phase").equals("to-the-end"));
    }

    @ParameterizedTest
    @MethodSource("rows")
    void withOnlyTheRootGroup(TruthRow row) {
        try (PageRig rig = new PageRig()) {
            String verdict = verdict(rig, row);
            String expected = expected(row);
            String nobody = row.get("mask").contains("NOFAIL") ? "stuck" : "NULL";
            assertThat(verdict).isEqualTo(expected.equals("oom-kill") ? nobody : expected);
        }
    }

    @ParameterizedTest
    @MethodSource("rows")
    void withAChildGroupThatHoldsTheMemory(TruthRow row) {
        try (PageRig rig = new PageRig()) {
            MemGroup child = rig.root.create("child");
            try (var in = child.enter()) {
                assertThat(in).isNotNull();
                rig.fill(0, Gfp.NOWAIT);
            }
            String verdict = verdict(rig, row);
            boolean kill = expected(row).equals("oom-kill");
            assertThat(child.failed()).isEqualTo(kill);
            assertThat(verdict).isEqualTo(kill ? "success" : expected(row));
        }
    }

    static Stream<TruthRow> stuckRows() {
        return rows().filter(r -> expected(r).equals("stuck"));
    }

    /// Linux says nothing while such a request loops. Here it is told who waits, in which scope,
    /// and who holds the memory: the group that pays and the shrinker that gives none.
    @ParameterizedTest
    @MethodSource("stuckRows")
    @Row("D23")
    @FallsShort("5")
    void theStuckSayForWhomTheyWait(TruthRow row) throws InterruptedException {
        // What other tests reported must be out of the way: a full queue drops the newest.
        assertThat(PolderEvents.awaitDelivered(PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
        Queue<String> told = new ConcurrentLinkedQueue<>();
        PolderEvents before = PolderEvents.listen(listener(told));
        try (PageRig rig = new PageRig()) {
            MemGroup child = rig.root.create("query-17");
            try (var in = child.enter()) {
                assertThat(in).isNotNull();
                rig.fill(0, Gfp.NOWAIT);
            }
            rig.shrinker("index nodes", null, 1000, sc -> Shrinker.STOP);
            int gfp = Gfp.parse(row.get("mask"));
            try (Asker<Boolean> a =
                    new Asker<>(rig.clock, () -> toTheEnd(rig, row.get("prog"), 0, gfp))) {
                assertThat(a.endsWithin(WATCHDOG_NANOS)).isFalse();
                awaitTwo(told);
                rig.release(2048);
                assertThat(a.endsWithin(WATCHDOG_NANOS)).isTrue();
            }
            String scope = row.get("prog").isEmpty() ? "no scope" : "Memalloc.no";
            assertThat(told).anyMatch(t -> t.startsWith("asker waits") && t.contains(scope));
            assertThat(told).anyMatch(t -> t.startsWith("asker waits for")
                    && t.contains("query-17") && t.contains("index nodes"));
        } finally {
            PolderEvents.listen(before);
        }
    }

    private static PolderEvents listener(Queue<String> told) {
        return new PolderEvents() {
            @Override
            public void stall(String pool, Thread thread, int order, int gfp,
                    @Nullable Object scope, long millis) {
                told.add(thread.getName() + " waits under " + Gfp.toString(gfp) + ", "
                        + (scope == null ? "no scope" : scope));
            }

            @Override
            public void waitsFor(String pool, Thread thread, Object whom) {
                told.add(thread.getName() + " waits for " + whom);
            }
        };
    }

    /// Events come on a thread of their own.
    private static void awaitTwo(Queue<String> told) {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
        while (told.size() < 2 && System.nanoTime() - end < 0) {
            LockSupport.parkNanos(50_000);
        }
    }

    private static String expected(TruthRow row) {
        String verdict = row.get("verdict");
        return verdict.startsWith("stuck") ? "stuck" : verdict;
    }

    /// Allocates until something other than success comes; `success` only if a group was failed and
    /// gave its memory back for the request.
    private static String verdict(PageRig rig, TruthRow row) {
        int gfp = Gfp.parse(row.get("mask"));
        int order = Integer.parseInt(row.get("order"));
        try (Asker<Boolean> a =
                new Asker<>(rig.clock, () -> toTheEnd(rig, row.get("prog"), order, gfp))) {
            if (endsWithinTheWatchdog(rig, a)) {
                return a.answer() ? "success" : "NULL";
            }
            rig.release(2048);
            assertThat(a.endsWithin(WATCHDOG_NANOS)).as("it ends once memory comes back").isTrue();
            return "stuck";
        }
    }

    /// Lets the time pass; a group that is failed frees its memory, as its owner would.
    private static boolean endsWithinTheWatchdog(PageRig rig, Asker<Boolean> a) {
        for (long at = 0; at < WATCHDOG_NANOS; at += STEP_NANOS) {
            if (a.endsWithin(STEP_NANOS)) {
                return true;
            }
            if (!rig.released() && rig.root.children().stream().anyMatch(MemGroup::failed)) {
                rig.release(2048);
            }
        }
        return false;
    }

    private static boolean toTheEnd(PageRig rig, String program, int order, int gfp) {
        Deque<int[]> open = new ArrayDeque<>();
        for (int i = 0; i < program.length(); i++) {
            char c = program.charAt(i);
            open.push(new int[] {c, switch (c) {
                case 'F' -> Memalloc.nofsSave();
                case 'I' -> Memalloc.noioSave();
                case 'R' -> Memalloc.noreclaimSave();
                default -> throw new IllegalArgumentException(program);
            }});
        }
        try {
            return takeUntilReleased(rig, order, gfp);
        } finally {
            for (int[] scope : open) {
                switch (scope[0]) {
                    case 'F' -> Memalloc.nofsRestore(scope[1]);
                    case 'I' -> Memalloc.noioRestore(scope[1]);
                    default -> Memalloc.noreclaimRestore(scope[1]);
                }
            }
        }
    }

    /// True if memory was released for a request that waited; false if one failed.
    private static boolean takeUntilReleased(PageRig rig, int order, int gfp) {
        while (true) {
            long run = rig.pages.alloc(order, gfp);
            if (run == 0) {
                return false;
            }
            rig.keep(run);
            if (rig.released()) {
                return true;
            }
        }
    }
}
