package dev.polder.lockdep.engine;

import java.util.ArrayList;
import java.util.List;

/// A class of locks: a node of the graph (lockdep's `struct lock_class`).
///
/// By default all monitors of one Java class are one lock class, and all `Lock`s created at one
/// place are one. Reclaim, memory that is waited for, and whatever a rule names are lock classes,
/// too.
public final class LockClass {
    /// What stands behind a lock class.
    public enum Kind {
        /// A monitor: `synchronized`.
        MONITOR,
        /// A `java.util.concurrent.locks.Lock` or a `StampedLock`.
        LOCK,
        /// Reclaim: `fs_reclaim`, `io_reclaim`, `reclaim`, or that of one domain. There is no lock;
        /// who may reclaim takes it, who reclaims holds it.
        RECLAIM,
        /// Memory of a pool: who waits for it takes it, who must run for it to be freed holds it.
        MEMORY,
        /// A wait that a rule or an annotation names.
        NAMED
    }

    private final int id;
    private final String name;
    private final Kind kind;
    private final String place;
    private final boolean nests;

    /// Edges from here, in the order of their making. Guarded by the graph.
    final List<Edge> out = new ArrayList<>();

    LockClass(int id, String name, Kind kind, String place, boolean nests) {
        this.id = id;
        this.name = name;
        this.kind = kind;
        this.place = place;
        this.nests = nests;
    }

    /// A number, from 1, that means this class in this run only.
    int id() {
        return id;
    }

    /// The name, the same in every run and whatever line the lock is created on.
    public String name() {
        return name;
    }

    /// What it is.
    public Kind kind() {
        return kind;
    }

    /// Where it was created or first seen, with its line, for people; empty when unknown.
    public String place() {
        return place;
    }

    /// Whether a thread really waits in it: false for reclaim, which only stands for what it calls.
    public boolean isReal() {
        return kind != Kind.RECLAIM;
    }

    /// Whether two of it may be held at once in an order that the program keeps.
    boolean nests() {
        return nests;
    }

    @Override
    public String toString() {
        return place.isEmpty() ? name : name + " (" + place + ")";
    }
}
