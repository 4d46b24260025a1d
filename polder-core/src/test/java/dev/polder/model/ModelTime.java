package dev.polder.model;

import dev.polder.model.Program.Step;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.function.Consumer;

/// The model's clock: time passes when the thread parks, and a thread that parks over and over
/// while nothing is freed waits for ever.
final class ModelTime {
    /// Parks without anything freed after which a request waits for ever: more than it takes to
    /// fail every group there is.
    static final int ENOUGH = 250;
    /// Callbacks of one step after which it waits for ever as soon as it parks: enough is seen.
    static final int MANY_CALLS = 5_000;

    /// The request waits for others, without an end that it could reach itself.
    static final class Waits extends RuntimeException {
        private static final long serialVersionUID = 1;

        Waits() {
            super("waits for ever", null, false, false);
        }
    }

    private final long slack;
    private long ticks;
    private int parks;
    private int parksOfStep;
    private int calls;
    private final Consumer<List<Step>> other;
    private final Deque<Step.Meanwhile> meanwhile = new ArrayDeque<>();

    /// A clock that moves `slack` ticks at least when a thread parks.
    ///
    /// @param other runs steps on another thread, those that are due, while this one is parked
    ModelTime(long slack, Consumer<List<Step>> other) {
        this.slack = slack;
        this.other = other;
    }

    /// Another thread takes a step while the next request waits.
    void meanwhile(Step.Meanwhile step) {
        meanwhile.add(step);
    }

    long ticks() {
        return ticks;
    }

    void beginStep() {
        parks = 0;
        parksOfStep = 0;
        calls = 0;
    }

    /// Something was freed.
    void moved() {
        parks = 0;
    }

    /// A consumer was called.
    void called() {
        calls++;
    }

    void park(long time) {
        ticks += Math.max(time, slack);
        parks++;
        parksOfStep++;
        List<Step> due = new ArrayList<>();
        while (!meanwhile.isEmpty() && meanwhile.peek().parks() <= parksOfStep) {
            due.add(meanwhile.remove().step());
        }
        other.accept(due);
        if (parks > ENOUGH || calls > MANY_CALLS) {
            throw new Waits();
        }
    }
}
