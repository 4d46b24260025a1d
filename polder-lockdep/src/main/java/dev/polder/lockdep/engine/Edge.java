package dev.polder.lockdep.engine;

import java.util.List;

/// "`to` was wanted while `from` was held", with the circumstances in which that was first seen.
///
/// Later sightings change nothing: the first stack is the one that a report shows.
public final class Edge {
    private final LockClass from;
    private final LockClass to;
    private final int fromMode;
    private final int toMode;
    private final int fromHash;
    private final int toHash;
    private final String thread;
    private final String heldAt;
    private final String scope;
    private final List<StackTraceElement> stack;

    Edge(HeldLocks h, int heldIndex, LockClass from, Wanted wanted, Circumstances where) {
        this.from = from;
        this.to = wanted.lockClass;
        this.fromMode = h.modeAt(heldIndex);
        this.toMode = wanted.mode;
        this.fromHash = h.hashAt(heldIndex);
        this.toHash = wanted.hash;
        this.thread = where.thread;
        this.heldAt = where.placeOf(h.siteAt(heldIndex));
        this.scope = where.scope;
        this.stack = where.stack;
    }

    private Edge(Edge like, LockClass to) {
        this.from = like.from;
        this.to = to;
        this.fromMode = like.fromMode;
        this.toMode = like.toMode;
        this.fromHash = like.fromHash;
        this.toHash = like.toHash;
        this.thread = like.thread;
        this.heldAt = like.heldAt;
        this.scope = like.scope;
        this.stack = like.stack;
    }

    /// The same sighting, of another pseudo-lock that was taken with this one.
    Edge into(LockClass other) {
        return new Edge(this, other);
    }

    /// The lock that was held.
    public LockClass from() {
        return from;
    }

    /// The lock that was wanted.
    public LockClass to() {
        return to;
    }

    /// How `from` was held, in words.
    public String fromMode() {
        return Mode.toString(fromMode);
    }

    /// How `to` was wanted, in words.
    public String toMode() {
        return Mode.toString(toMode);
    }

    /// The identity hash of the lock held; 0 for a pseudo-lock.
    public int fromHash() {
        return fromHash;
    }

    /// The identity hash of the lock wanted; 0 for a pseudo-lock.
    public int toHash() {
        return toHash;
    }

    /// The thread that was seen to do it.
    public String thread() {
        return thread;
    }

    /// Where `from` had been taken; empty when unknown.
    public String heldAt() {
        return heldAt;
    }

    /// The scopes in force, in words.
    public String scope() {
        return scope;
    }

    /// The stack at which `to` was wanted.
    public List<StackTraceElement> stack() {
        return stack;
    }

    @Override
    public String toString() {
        return from.name() + " -> " + to.name();
    }
}
