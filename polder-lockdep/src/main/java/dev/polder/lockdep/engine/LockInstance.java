package dev.polder.lockdep.engine;

import java.lang.ref.WeakReference;
import org.jspecify.annotations.Nullable;

/// What is known about one lock object, or about a class whose instances serve as monitors.
///
/// Refers to it weakly, so that watching a lock keeps it alive no longer than the program does.
final class LockInstance extends WeakReference<Object> {
    /// Stands in empty cache slots; refers to nothing.
    static final LockInstance NONE = new LockInstance(null, null, 0, 0, false, false);

    /// The identity hash under which this object is found in tables.
    final int keyHash;

    /// The lock class's id, 0 when there is none.
    final int id;

    /// What a step that takes it is known by, see `HeldLocks`; its mode bits are the only ones.
    final long what;

    /// The chain key of this lock held alone, taken with its mode bits only.
    final long alone;

    /// Null for a class whose instances are looked up one by one, see `LockTable`.
    final @Nullable LockClass lockClass;

    /// The identity hash that stands for the lock: its own, or that of the read-write lock that it
    /// is a view of.
    final int hash;

    /// Mode bits that every acquisition through this object has.
    final int mode;

    /// Whether this is about the instances of the class that it refers to, and not about an object
    /// (which may be a class, too: that of a static synchronized method).
    final boolean ofClass;

    /// Whether it is about instances, and they are one lock class.
    final boolean classed;

    /// Whether its class is the JDK's, so that `lock()` cannot fail after it was announced.
    final boolean trusted;

    LockInstance(
            @Nullable Object referent,
            @Nullable LockClass lockClass,
            int hash,
            int mode,
            boolean ofClass,
            boolean trusted) {
        super(referent);
        this.lockClass = lockClass;
        this.id = lockClass == null ? 0 : lockClass.id();
        this.what = HeldLocks.what(id, mode);
        this.alone = HeldLocks.keyAlone(id, mode);
        this.hash = hash;
        this.keyHash = System.identityHashCode(referent);
        this.mode = mode;
        this.ofClass = ofClass;
        this.classed = ofClass && lockClass != null;
        this.trusted = trusted;
    }
}
