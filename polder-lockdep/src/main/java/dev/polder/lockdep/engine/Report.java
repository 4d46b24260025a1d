package dev.polder.lockdep.engine;

import java.util.List;

/// One finding, complete: nothing in it refers to the program's objects.
public final class Report {
    /// What was found.
    public enum Kind {
        /// Locks (or reclaim, or a wait for memory) are taken in a circle.
        CYCLE("possible circular locking dependency"),
        /// Reclaim took a lock again that the allocating code holds: with Java's reentrant locks
        /// the callback walks into a half-done update, where others would hang.
        REENTRY("reclaim re-enters a lock that the allocating code holds"),
        /// A lock is taken again by a thread that would wait for itself.
        SELF_DEADLOCK("a thread waits for itself"),
        /// Two locks of one class were taken in both orders.
        INVERSION("two locks of one class are taken in both orders"),
        /// A request that may block was made where nothing may block.
        BLOCKING("a request that may block is made where nothing may block");

        private final String title;

        Kind(String title) {
            this.title = title;
        }

        /// The kind in words.
        public String title() {
            return title;
        }
    }

    /// Whether the edges of a cycle were seen on the very same lock objects.
    public enum Instances {
        /// Yes: these locks can deadlock.
        SAME,
        /// Where the edges were first seen they joined different objects of the same classes: true
        /// if any of them can be the same at another time.
        DIFFERENT
    }

    /// One lock held by the reporting thread.
    ///
    /// @param lock its class
    /// @param hash its identity hash, 0 for a pseudo-lock
    /// @param mode how it is held, in words
    /// @param at where it was taken; empty when unknown
    public record Held(LockClass lock, int hash, String mode, String at) {}

    private final Kind kind;
    private final String id;
    private final LockClass wanted;
    private final String wantedMode;
    private final int wantedHash;
    private final Held against;
    private final List<Edge> chain;
    private final Instances instances;
    private final List<Held> held;
    private final String thread;
    private final String scope;
    private final List<StackTraceElement> stack;

    Report(Kind kind, String id, Wanted wanted, Held against, List<Edge> chain,
            Instances instances, List<Held> held, Circumstances where) {
        this.kind = kind;
        this.id = id;
        this.wanted = wanted.lockClass;
        this.wantedMode = Mode.toString(wanted.mode);
        this.wantedHash = wanted.hash;
        this.against = against;
        this.chain = List.copyOf(chain);
        this.instances = instances;
        this.held = List.copyOf(held);
        this.thread = where.thread;
        this.scope = where.scope;
        this.stack = where.stack;
    }

    /// What was found.
    public Kind kind() {
        return kind;
    }

    /// The same bug has the same id in every run, whichever half is seen first and whatever line
    /// its code has moved to: it is made of the kind and the names of the lock classes.
    public String id() {
        return id;
    }

    /// The lock that the thread wanted.
    public LockClass wanted() {
        return wanted;
    }

    /// How it was wanted, in words.
    public String wantedMode() {
        return wantedMode;
    }

    /// Its identity hash; 0 for a pseudo-lock.
    public int wantedHash() {
        return wantedHash;
    }

    /// The held lock that makes it a finding.
    public Held against() {
        return against;
    }

    /// The edges of the cycle, the newest (held to wanted) last; a single edge or none for the
    /// other kinds.
    public List<Edge> chain() {
        return chain;
    }

    /// Whether the cycle was seen on the same objects.
    public Instances instances() {
        return instances;
    }

    /// Everything the thread held, outermost first.
    public List<Held> held() {
        return held;
    }

    /// The thread's name.
    public String thread() {
        return thread;
    }

    /// The scopes in force, in words; empty when nobody could tell.
    public String scope() {
        return scope;
    }

    /// The thread's stack.
    public List<StackTraceElement> stack() {
        return stack;
    }

    @Override
    public String toString() {
        return "[" + id + "] " + kind.title() + ": " + wanted.name() + " wanted, "
                + against.lock().name() + " held";
    }
}
