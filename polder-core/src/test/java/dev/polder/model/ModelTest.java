package dev.polder.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.model.Model.Mistake;
import dev.polder.testkit.Row;
import java.util.NoSuchElementException;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// The page allocator, its slow path and direct reclaim against the model.
@Row({"B5", "C2", "C3", "C4", "C5", "C7", "C8", "D1", "D5", "D6", "D9", "D10", "D11", "D15", "D16",
    "D17", "D18", "D19", "D20", "E1", "F1", "F3", "F4", "F5", "F6", "F7", "F8", "F9"})
final class ModelTest {
    private static final int PROGRAMS = 150;
    /// Programs within which each mistake must show.
    private static final int CANARY_PROGRAMS = 400;
    private static final int STEPS = 120;

    @Test
    void theRealThingAndTheModelAgree() {
        long seed = new SplittableRandom().nextLong();
        try (Compare compare = new Compare()) {
            for (int i = 0; i < PROGRAMS; i++) {
                assertThat(compare.firstDifference(Program.random(seed + i, STEPS))).isEmpty();
            }
        }
    }

    /// The canary: with any one mistake in the model the comparison fails.
    @ParameterizedTest
    @EnumSource(Mistake.class)
    void oneMistakeIsNoticed(Mistake mistake) {
        boolean noticed = false;
        try (Compare compare = new Compare()) {
            for (int i = 0; i < CANARY_PROGRAMS && !noticed; i++) {
                noticed = !compare.firstDifference(Program.random(i, STEPS), mistake).isEmpty();
            }
        } catch (AssertionError | NoSuchElementException placedOtherwise) {
            noticed = true;
        }
        assertThat(noticed).isTrue();
    }
}
