package dev.polder.base;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/// A step that fails keeps none of the others, and is not forgotten.
final class CloseStepsTest {
    private final List<String> done = new ArrayList<>();
    private final CloseSteps steps = new CloseSteps();

    @Test
    void allStepsAreMadeAndTheFirstThrowIsThrown() {
        Error first = new StackOverflowError("first");
        RuntimeException second = new IllegalStateException("second");
        steps.run(() -> done.add("a"));
        steps.run(() -> {
            throw first;
        });
        steps.run(() -> done.add("b"));
        steps.run(() -> {
            throw second;
        });
        steps.run(() -> {
            throw first;
        });
        steps.run(() -> done.add("c"));
        assertThatThrownBy(steps::finish).isSameAs(first).hasSuppressedException(second);
        assertThat(first.getSuppressed()).hasSize(1);
        assertThat(done).containsExactly("a", "b", "c");
    }

    @Test
    void withoutAThrowNothingIsThrown() {
        steps.run(() -> done.add("a"));
        steps.finish();
        assertThat(done).containsExactly("a");
    }
}
