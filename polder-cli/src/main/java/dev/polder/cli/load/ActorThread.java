package dev.polder.cli.load;

import dev.polder.cli.trace.Actor;

/// The thread of one actor in one phase, with what others may know of it.
final class ActorThread extends Thread {

    private final Actor actor;
    private volatile long begunNanos;
    private volatile boolean inOperation;
    private volatile long ended;

    ActorThread(Actor actor, Runnable work) {
        super(work, actor.name().toLowerCase(java.util.Locale.ROOT).replace('_', '-'));
        this.actor = actor;
        setDaemon(true);            // a deadlocked thread must not keep the process alive
    }

    /// Whose thread this is.
    Actor actor() {
        return actor;
    }

    /// An operation begins. By the thread itself.
    void begin() {
        begunNanos = System.nanoTime();
        inOperation = true;
    }

    /// An operation ended. By the thread itself, which alone writes the count.
    @SuppressWarnings("NonAtomicVolatileUpdate")
    void end() {
        inOperation = false;
        ended++;
    }

    /// Operations that ended.
    long ended() {
        return ended;
    }

    /// For how long it has been inside one operation; 0 when it is in none.
    long insideNanos(long nowNanos) {
        long begun = begunNanos;
        return inOperation ? Math.max(0, nowNanos - begun) : 0;
    }
}
