package dev.polder.slab;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/// Two sheaves that the threads of one stripe share: one in use, one in reserve.
///
/// Notes
///
/// The busy word is taken by compare-and-set (acquire) and left by a release store; the sheaves are
/// touched by its holder alone. It is never waited for: who finds it taken goes to the next stripe
/// or to the slabs. So it cannot take part in a deadlock, and a virtual thread that is unmounted
/// while it holds one costs others a detour and no more.
final class SheafStripe {
    private static final VarHandle BUSY = busyHandle();

    @SuppressWarnings("unused") // through BUSY only
    private int busy;
    /// The sheaf that is pushed to and popped from; null while it is away being emptied, or when
    /// the cache has no sheaves.
    @Nullable Sheaf loaded;
    /// The sheaf that takes its place when it is full or empty; null as above.
    @Nullable Sheaf spare;

    // For the holder: the thread that came last, and how often without another between
    private long visitor;
    private int visits;

    /// Keep two stripes' busy words at least a pair of cache lines (2 × 64 bytes) apart.
    @SuppressWarnings("unused")
    private long pad0, pad1, pad2, pad3, pad4, pad5, pad6, pad7, pad8, pad9, pad10, pad11, pad12;

    /// Takes the stripe if nobody holds it.
    boolean tryLock() {
        return (int) BUSY.getOpaque(this) == 0 && BUSY.compareAndSet(this, 0, 1);
    }

    /// Notes whose turn this is. By the holder.
    void visitedBy(long threadId) {
        visits = visitor == threadId ? visits + 1 : 0;
        visitor = threadId;
    }

    /// How often its thread has come without another between. By the holder.
    int visits() {
        return visits;
    }

    /// Counts its thread's turns anew. By the holder.
    void countAnew() {
        visits = 0;
    }

    /// Leaves the stripe.
    void unlock() {
        BUSY.setRelease(this, 0);
    }

    private static VarHandle busyHandle() {
        try {
            return MethodHandles.lookup().findVarHandle(SheafStripe.class, "busy", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }
}
