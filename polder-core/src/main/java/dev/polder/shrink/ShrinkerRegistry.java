package dev.polder.shrink;

import dev.polder.base.Frames;
import dev.polder.gfp.PolderEvents;
import dev.polder.gfp.ReclaimDomain;
import dev.polder.memgroup.MemGroup;
import dev.polder.os.Clock;
import dev.polder.os.WaitQueue;
import dev.polder.shrinker.Shrinker;
import dev.polder.stat.VmStat;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/// The shrinkers of one pool, in the order in which they were registered, and Polder's own caches
/// beside them. The kernel's `shrinker_list`.
///
/// Registering and walking take no lock. A walker that is inside a consumer's callback holds a
/// reference to that one shrinker and nothing else, so callbacks may register, unregister others,
/// allocate and free.
public final class ShrinkerRegistry {

    // Notes. Each list is an array that is replaced, never changed: a walk goes over the array that
    // it found at its start. A shrinker that was closed meanwhile refuses its reference.
    //
    // walks holds every walk ever made for this pool. They are pooled by their users, so there are
    // as many as threads were in reclaim at once, and close() can ask each of them whether the
    // calling thread is inside the callback that it wants to wait for.

    private final String pool;
    private final VmStat stat;
    private final Clock clock;
    private final PolderEvents events;
    private final WaitQueue walkersGone;
    private final AtomicReference<ShrinkerHandle[]> handles =
            new AtomicReference<>(new ShrinkerHandle[0]);
    private final AtomicReference<InternalReclaimer[]> internals =
            new AtomicReference<>(new InternalReclaimer[0]);
    private final AtomicReference<ShrinkWalk[]> walks = new AtomicReference<>(new ShrinkWalk[0]);
    private final AtomicLong isolated = new AtomicLong();
    private volatile @Nullable MemGroup root;

    /// An empty registry.
    ///
    /// @param pool the pool's name, for events
    /// @param events hears of callbacks that throw; it must not block
    public ShrinkerRegistry(String pool, VmStat stat, Clock clock, PolderEvents events) {
        this.pool = Objects.requireNonNull(pool, "pool");
        this.stat = Objects.requireNonNull(stat, "stat");
        this.clock = Objects.requireNonNull(clock, "clock");
        this.events = Objects.requireNonNull(events, "events");
        this.walkersGone = new WaitQueue(clock);
    }

    /// Adds a shrinker; reclaim may call it before this method returns.
    ///
    /// @param domain the domain it belongs to; null for none
    /// @param seeks how dear an object is to make again, 2 by default; 0 for objects that cost
    ///        nothing
    /// @param batch objects in one scan call; 0 for the default of 128
    /// @param groupAware whether it can tell the objects of one memory group from the others
    /// @param objectBytes about how many bytes an object holds, for reports; 0 if unknown
    /// @throws IllegalArgumentException for a negative figure
    public ShrinkerHandle register(String name, Shrinker shrinker, @Nullable ReclaimDomain domain,
            int seeks, int batch, boolean groupAware, long objectBytes) {
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(shrinker, "shrinker");
        notNegative("seeks", seeks);
        notNegative("batch", batch);
        notNegative("objectBytes", objectBytes);
        ShrinkerHandle handle = new ShrinkerHandle(this, name, shrinker, domain, seeks,
                batch == 0 ? ShrinkArithmetic.DEFAULT_BATCH : batch, groupAware, objectBytes);
        append(handles, handle);
        return handle;
    }

    /// Adds one of Polder's own caches. It stays as long as the pool.
    public void addInternal(InternalReclaimer reclaimer) {
        append(internals, Objects.requireNonNull(reclaimer, "reclaimer"));
    }

    /// The shrinkers registered now.
    public List<ShrinkerHandle> shrinkers() {
        return List.of(handles.get());
    }

    /// Frames that Polder's own caches could give back now, about.
    public long internalFrames() {
        long frames = 0;
        for (InternalReclaimer r : internals.get()) {
            frames += r.reclaimableFrames();
        }
        return frames;
    }

    /// Objects that the consumers held at their last counts, all together.
    public long countedObjects() {
        long objects = 0;
        for (ShrinkerHandle h : handles.get()) {
            objects += h.lastCount();
        }
        return objects;
    }

    /// About how many frames would come back if every consumer and Polder's own caches gave up all
    /// they have (row D11's question). An object of unknown size counts as one frame.
    public long reclaimableFrames() {
        long frames = internalFrames();
        for (ShrinkerHandle h : handles.get()) {
            long held = h.objectBytes() == 0 ? h.lastCount() : Frames.count(h.heldBytes());
            frames = Math.min(frames + held, Long.MAX_VALUE / 2);
        }
        return frames;
    }

    /// Objects that direct reclaimers have handed to consumers' scans at this moment.
    public long isolatedObjects() {
        return isolated.get();
    }

    /// Names the root of the pool's memory groups, whose protections walks keep. Work deferred for
    /// a group that ends goes to the one above.
    public void groups(MemGroup root) {
        this.root = root;
        root.whenForgotten(g -> {
            MemGroup above = g.parent();
            groupEnded(g.id(), above == null || above == root ? 0 : above.id());
        });
    }

    /// Moves what was deferred for a memory group that ends to its parent (0: the pool).
    public void groupEnded(long groupId, long parentId) {
        for (ShrinkerHandle h : handles.get()) {
            h.reparentDeferred(groupId, parentId);
        }
    }

    /// A new walk over this registry, for its user to keep and use again.
    public ShrinkWalk newWalk() {
        ShrinkWalk walk = new ShrinkWalk(this);
        append(walks, walk);
        return walk;
    }

    /// Whether the calling thread is inside a consumer's callback.
    public boolean insideCallback() {
        for (ShrinkWalk walk : walks.get()) {
            if (walk.isInCallback(Thread.currentThread(), null)) {
                return true;
            }
        }
        return false;
    }

    /// Closes every shrinker, and waits until none of their callbacks runs.
    ///
    /// @throws IllegalStateException when called from inside a consumer's callback
    public void closeAll() {
        if (insideCallback()) {
            throw new IllegalStateException("called from inside a shrinker's callback, which it "
                    + "would wait for; close the pool on another thread");
        }
        for (ShrinkerHandle h : handles.get()) {
            close(h);
        }
    }

    void close(ShrinkerHandle handle) {
        for (ShrinkWalk walk : walks.get()) {
            if (walk.isInCallback(Thread.currentThread(), handle)) {
                throw new IllegalStateException("shrinker '" + handle.name() + "' is closed from "
                        + "inside its own callback, which the close would wait for; close it on "
                        + "another thread, after the callback has returned");
            }
        }
        handle.markClosed();
        remove(handle);
        awaitWalkers(handle);
    }

    private void awaitWalkers(ShrinkerHandle handle) {
        boolean interrupted = false;
        while (handle.hasWalkers()) {
            interrupted |= Thread.interrupted();
            long seen = walkersGone.sequence();
            if (handle.hasWalkers()) {
                walkersGone.await(seen, 0);
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    void walkerLeft() {
        walkersGone.wakeAll();
    }

    ShrinkerHandle[] handles() {
        return handles.get();
    }

    @Nullable MemGroup root() {
        return root;
    }

    InternalReclaimer[] internals() {
        return internals.get();
    }

    /// The pool's name.
    public String pool() {
        return pool;
    }

    /// The counters that walks add to.
    public VmStat stat() {
        return stat;
    }

    /// The clock of quarantines and ages.
    public Clock clock() {
        return clock;
    }

    /// Who hears of trouble.
    public PolderEvents events() {
        return events;
    }

    void isolate(long objects) {
        isolated.getAndAdd(objects);
    }

    private void remove(ShrinkerHandle handle) {
        handles.updateAndGet(new UnaryOperator<>() {
            @Override
            public ShrinkerHandle[] apply(ShrinkerHandle[] list) {
                int at = Arrays.asList(list).indexOf(handle);
                if (at < 0) {
                    return list;
                }
                ShrinkerHandle[] less = new ShrinkerHandle[list.length - 1];
                System.arraycopy(list, 0, less, 0, at);
                System.arraycopy(list, at + 1, less, at, less.length - at);
                return less;
            }
        });
    }

    private static <T> void append(AtomicReference<T[]> list, T element) {
        while (true) {
            T[] old = list.get();
            T[] more = Arrays.copyOf(old, old.length + 1);
            more[old.length] = element;
            if (list.compareAndSet(old, more)) {
                return;
            }
        }
    }

    private static void notNegative(String what, long value) {
        if (value < 0) {
            throw new IllegalArgumentException(what + " is negative: " + value);
        }
    }
}
