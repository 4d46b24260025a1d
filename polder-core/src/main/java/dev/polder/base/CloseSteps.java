package dev.polder.base;

import org.jspecify.annotations.Nullable;

/// The steps of a close, each made whatever became of those before it: one damaged part must not
/// keep the memory of the rest. For one thread.
///
/// ```java
/// CloseSteps steps = new CloseSteps();
/// steps.run(first::close);
/// steps.run(second::close);
/// steps.finish();
/// ```
public final class CloseSteps {
    private @Nullable Throwable first;

    /// No step yet.
    public CloseSteps() {}

    /// Makes a step; what it throws is kept for [#finish].
    public void run(Runnable step) {
        try {
            step.run();
        } catch (RuntimeException | Error e) {
            if (first == null) {
                first = e;
            } else if (first != e) {
                first.addSuppressed(e);
            }
        }
    }

    /// Throws what was thrown first, with what came later as suppressed.
    public void finish() {
        if (first instanceof Error e) {
            throw e;
        }
        if (first instanceof RuntimeException e) {
            throw e;
        }
    }
}
