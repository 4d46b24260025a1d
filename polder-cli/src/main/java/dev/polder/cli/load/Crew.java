package dev.polder.cli.load;

import dev.polder.cli.trace.Actor;
import dev.polder.cli.trace.Op;
import dev.polder.cli.trace.Phase;
import dev.polder.cli.trace.Trace;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/// The actors: starts those of a phase, and lets each go through its operations until the time is
/// over.
///
/// When a writer has been inside one operation for long, the clients stop sending, as people do
/// before whom a program hangs; their schedule waits with them.
final class Crew {

    /// The longest merge takes a part of this on a slow disk.
    private static final long HANGS_NANOS = 1_500_000_000L;
    private static final long LOOK_NANOS = 5_000_000;

    /// Operations of each writer without which a phase shows nothing.
    private static final long LEAST_WRITES = 3;

    /// Does one operation.
    interface Operations {
        /// Does it, on the calling thread.
        ///
        /// @param to the calling thread's own buffer
        void perform(long op, Renderer renderer, byte[] to) throws Exception;
    }

    private final Trace trace;
    private final Operations operations;
    private final Latency latency;
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    private final long[] endedBefore = new long[Actor.values().length];
    private volatile List<ActorThread> running = List.of();

    Crew(Trace trace, Operations operations, Latency latency) {
        this.trace = trace;
        this.operations = operations;
        this.latency = latency;
    }

    /// Lets the calling thread alone do requests, one after the other without a pause, until
    /// something is so: first those of a phase, then one of each kind for every text.
    void rehearse(Phase phase, BooleanSupplier enough) throws Exception {
        Renderer renderer = new Renderer();
        byte[] to = new byte[1 << 20];
        for (long op : trace.ops(phase, Actor.CLIENT_1)) {
            if (enough.getAsBoolean()) {
                return;
            }
            operations.perform(op, renderer, to);
        }
        for (int text = 0; text < trace.texts() && !enough.getAsBoolean(); text++) {
            operations.perform(Op.RENDER.pack(0, text), renderer, to);
            operations.perform(Op.READ.pack(0, text), renderer, to);
            operations.perform(Op.SEARCH.pack(text & 0xffff, text), renderer, to);
        }
    }

    /// Runs a phase to its end.
    ///
    /// @throws Exception what an operation threw
    void run(Phase phase, long millis) throws Exception {
        long deadline = System.nanoTime() + millis * 1_000_000;
        List<ActorThread> threads = new ArrayList<>();
        for (Actor actor : Actor.values()) {
            if (phase.has(actor)) {
                threads.add(new ActorThread(actor, () -> work(phase, actor, deadline)));
            }
        }
        running = threads;
        threads.forEach(Thread::start);
        for (ActorThread thread : threads) {
            thread.join();
            endedBefore[thread.actor().ordinal()] += thread.ended();
        }
        running = List.of();
        Throwable thrown = failure.get();
        if (thrown instanceof Exception e) {
            throw e;
        } else if (thrown != null) {
            throw new IllegalStateException(thrown);
        }
    }

    private void work(Phase phase, Actor actor, long deadline) {
        ActorThread self = (ActorThread) Thread.currentThread();
        long[] ops = trace.ops(phase, actor);
        Renderer renderer = new Renderer();
        byte[] to = new byte[1 << 20];
        Pacer pacer = new Pacer(System.nanoTime(), actor.intervalNanos());
        try {
            for (int i = 0; goesOn(self, deadline); i++) {
                if (!actor.writer()) {
                    pacer.shift(waitWhileWritersHang(deadline));
                }
                pause(pacer.sleepNanos(System.nanoTime()));
                self.begin();
                long from = pacer.begin(System.nanoTime());
                operations.perform(ops[i % ops.length], renderer, to);
                latency.record(actor, System.nanoTime() - from);
                self.end();
            }
        } catch (Throwable t) {
            failure.compareAndSet(null, t);
        }
    }

    private void pause(long nanos) {
        if (nanos > 0) {
            LockSupport.parkNanos(this, nanos);
        }
    }

    /// Until the time is over; a writer goes on until it has done something, on however slow a
    /// machine.
    private boolean goesOn(ActorThread self, long deadline) {
        long least = self.actor().writer() ? LEAST_WRITES : 0;
        return failure.get() == null
                && (System.nanoTime() - deadline < 0 || self.ended() < least);
    }

    private long waitWhileWritersHang(long deadline) {
        long begun = System.nanoTime();
        boolean waited = false;
        while (aWriterHangs() && System.nanoTime() - deadline < 0) {
            LockSupport.parkNanos(this, LOOK_NANOS);
            waited = true;
        }
        return waited ? System.nanoTime() - begun : 0;
    }

    private boolean aWriterHangs() {
        long now = System.nanoTime();
        for (ActorThread thread : running) {
            if (thread.actor().writer() && thread.insideNanos(now) > HANGS_NANOS) {
                return true;
            }
        }
        return false;
    }

    /// Operations of an actor that ended, in all phases so far.
    long ended(Actor actor) {
        long ended = endedBefore[actor.ordinal()];
        for (ActorThread thread : running) {
            if (thread.actor() == actor) {
                ended += thread.ended();
            }
        }
        return ended;
    }

    /// Operations of all actors that ended.
    long ended() {
        long ended = 0;
        for (Actor actor : Actor.values()) {
            ended += ended(actor);
        }
        return ended;
    }

    /// Whether any actor is inside an operation.
    boolean busy() {
        long now = System.nanoTime();
        return running.stream().anyMatch(t -> t.insideNanos(now) > 0);
    }
}
