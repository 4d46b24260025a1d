package dev.polder.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.FuzzSeeds;
import dev.polder.gfp.PolderEvents;
import dev.polder.testkit.Row;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

/// The page allocator, its slow path, reclaim, memory groups, objects, areas and a memory pool
/// against the model, on random programs and for a time. See docs/dev/testing.md for running one
/// again.
@Row({"B5", "B10", "B11", "C2", "C3", "C4", "C5", "C6", "C7", "C8", "D1", "D5", "D6", "D9", "D10",
    "D11", "D15", "D16", "D17", "D18", "D19", "D20", "E1", "E12", "F1", "F3", "F4", "F5", "F6",
    "F7", "F8", "F9", "A9", "G2", "G4", "G5", "H1", "H2", "H3", "H4", "H5", "H7", "H8", "H9",
    "H10", "H11", "H12", "H16", "I1", "I2", "I3", "I5", "I7",
    "J1", "J2", "J3", "J4", "J5"})
final class ModelTest {
    /// Real seconds for events to come by on their thread.
    private static final long PATIENCE_SECONDS = 20;
    /// Programs within which each mistake must show.
    private static final int CANARY_PROGRAMS = 2000;
    private static final int STEPS = 120;

    @BeforeAll
    static void quiet() {
        PolderEvents.listen(new PolderEvents() { });
    }

    @AfterAll
    static void loud() throws InterruptedException {
        PolderEvents.awaitDelivered(PATIENCE_SECONDS, TimeUnit.SECONDS);
        PolderEvents.listen(null);
    }

    @Test
    void theRealThingAndTheModelAgree(TestReporter reporter) {
        try (Compare compare = new Compare()) {
            Long one = FuzzSeeds.one();
            if (one != null) {
                check(compare, one);
                return;
            }
            long first = FuzzSeeds.first(ModelTest.class);
            long started = System.nanoTime();
            long seed = first;
            do {
                check(compare, seed++);
            } while (System.nanoTime() - started < FuzzSeeds.nanos());
            reporter.publishEntry("programs", Long.toString(seed - first));
        }
    }

    private static void check(Compare compare, long seed) {
        Program program = RandomProgram.of(seed, STEPS, compare.hasAreas());
        if (!compare.firstDifference(program).isEmpty()) {
            Program shorter = compare.shortened(program);
            throw new AssertionError("-Dpolder.fuzz.seed=" + seed + " differs at "
                    + compare.firstDifference(shorter) + "; the shortest program found:\n"
                    + shorter.toJava());
        }
    }

    /// The canary: with any one mistake in the model the comparison fails.
    @Test
    void everyMistakeIsNoticed() {
        Set<Mistake> unnoticed = EnumSet.allOf(Mistake.class);
        try (Compare compare = new Compare()) {
            for (int i = 0; i < CANARY_PROGRAMS && !unnoticed.isEmpty(); i++) {
                Program program = RandomProgram.of(i, STEPS, compare.hasAreas());
                List<Compare.Seen> seen = compare.run(program);
                unnoticed.removeIf(m -> !Compare.difference(program, seen, m).isEmpty());
            }
        }
        assertThat(unnoticed).isEmpty();
    }
}
