package dev.polder.slab;

import dev.polder.base.Check;
import dev.polder.task.Task;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// The sheaves that one platform thread owns in one pool: two for each cache that it uses. What a
/// CPU's `struct slub_percpu_sheaves` is to the kernel.
///
/// Notes
///
/// **The bracket.** The owner uses its sheaves without an atomic instruction, and yet another
/// thread can call them back ([ThreadRegistry]). Each use is a bracket: set `busy`; read `revoked`;
/// if that is 0, use the sheaves; clear `busy`. The drainer sets `revoked`, runs a barrier on every
/// thread ([dev.polder.os.Membarrier]), and waits a bounded time until it sees `busy` clear. Then
/// either the owner's store to `busy` came before the barrier, and the drainer sees it and waits
/// for the end of that use; or it came after, and then so did the owner's read of `revoked`, which
/// sees 1. Nothing between the two is left out, because a thread that is not running passed a
/// barrier when it was switched out.
///
/// Orders: `busy` is set opaque, which keeps the compiler from moving it behind the read of
/// `revoked` (HotSpot puts compiler fences around opaque accesses), and cleared by a release store,
/// which the drainer's acquire read pairs with. `revoked` is read with acquire, which pairs with
/// the release store that ends a recall: the owner's next use sees the places emptied. On x86-64
/// all of these are plain instructions.
///
/// Inside a bracket nothing is called that blocks, so that a drainer waits for a few instructions,
/// or, if the owner was switched out just there, gives up. Exchanges with the depot are made
/// outside: a sheaf is taken out in one bracket and put in its place in another.
final class ThreadSheaves {
    private static final VarHandle BUSY;
    private static final VarHandle REVOKED;
    private static final Sheaf[] NO_SHEAVES = {};

    static {
        try {
            MethodHandles.Lookup lookup = MethodHandles.lookup();
            BUSY = lookup.findVarHandle(ThreadSheaves.class, "busy", int.class);
            REVOKED = lookup.findVarHandle(ThreadSheaves.class, "revoked", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /// Stands in the registry's table where no thread does.
    static final ThreadSheaves VACANT = new ThreadSheaves();

    // Both on one cache line with what the fast path reads anyway.
    @SuppressWarnings("unused") // through BUSY only
    private int busy;
    @SuppressWarnings("unused") // through REVOKED only
    private int revoked;
    // By cache number. Touched by the owner inside a bracket, and by a drainer between a recall's
    // barrier and its end. A place without a sheaf has Sheaf.NONE.
    private Sheaf[] loaded = NO_SHEAVES;
    private Sheaf[] spare = NO_SHEAVES;
    // Room reserved for the sheaves in the places
    private long bytes;

    /// The owner's id, which no other thread ever has; 0 for nobody.
    final long threadId;
    private final @Nullable Task owner;
    // Read plainly: who misses that the pool closed finds the sheaves recalled for good
    private @Nullable Slabs slabs;
    /// Look-ups that did not find it in the registry's table. For the owner.
    int misses;

    ThreadSheaves(Task owner, Slabs slabs) {
        this.threadId = owner.threadId();
        this.owner = owner;
        this.slabs = slabs;
    }

    private ThreadSheaves() {
        this.threadId = 0;
        this.owner = null;
    }

    /// Whether these are sheaves of that pool and not of one that was closed.
    boolean belongsTo(Slabs pool) {
        return slabs == pool;
    }

    /// Whether the thread has ended; true for nobody.
    boolean ended() {
        return owner == null || owner.ended();
    }

    /// The thread's task.
    Task owner() {
        if (owner == null) {
            throw Check.broken("nobody's sheaves are used");
        }
        return owner;
    }

    /// Whether the owner, who asks, is in direct reclaim.
    boolean inReclaim() {
        return owner != null && owner.inReclaim();
    }

    // ---- the owner's fast paths -----------------------------------------------------------------

    /// Takes an object of the cache with that number; 0 if the sheaf in use has none.
    long pop(int number) {
        long object = 0;
        BUSY.setOpaque(this, 1);
        if ((int) REVOKED.getAcquire(this) == 0) {
            Sheaf[] l = loaded;
            if (Integer.compareUnsigned(number, l.length) < 0) {
                Sheaf sheaf = l[number];
                long[] objects = sheaf.objects;
                int top = sheaf.size - 1;
                if (Integer.compareUnsigned(top, objects.length) < 0) {
                    sheaf.size = top;
                    object = objects[top];
                }
            }
        }
        BUSY.setRelease(this, 0);
        return object;
    }

    /// Takes a free object in; false if the sheaf in use has no room.
    boolean push(int number, long object) {
        boolean taken = false;
        BUSY.setOpaque(this, 1);
        if ((int) REVOKED.getAcquire(this) == 0) {
            Sheaf[] l = loaded;
            if (Integer.compareUnsigned(number, l.length) < 0) {
                Sheaf sheaf = l[number];
                long[] objects = sheaf.objects;
                int size = sheaf.size;
                if (Integer.compareUnsigned(size, objects.length) < 0) {
                    objects[size] = object;
                    sheaf.size = size + 1;
                    taken = true;
                }
            }
        }
        BUSY.setRelease(this, 0);
        return taken;
    }

    // ---- the owner's slow paths -----------------------------------------------------------------

    /// Takes an object after [#pop] found none: from the spare sheaf, or from a filled one of the
    /// depot; 0 if there is none.
    long popMore(Sheaved cache) {
        int number = cache.number();
        if (!enter()) {
            return 0;
        }
        reach(number);
        Sheaf empty = loaded[number];
        Sheaf other = spare[number];
        long object = empty.isEmpty() ? 0 : empty.pop();
        if (object == 0 && !other.isEmpty()) {
            loaded[number] = other;
            spare[number] = empty;
            object = other.pop();
        }
        boolean none = empty == Sheaf.NONE;
        if (object == 0 && !none) {
            detachLoaded(number);
        }
        leave();
        if (object != 0 || (none && !mayHoldMore(cache))) {
            return object;
        }
        Sheaf filled = cache.sheaves().exchangeForFilled(none ? null : empty);
        if (filled == null) {
            if (!none) {
                place(cache, empty);
            }
            return 0;
        }
        object = filled.pop();
        place(cache, filled);
        return object;
    }

    /// Takes an object in after [#push] found no room: into the spare sheaf, or into an empty one
    /// for which the full one goes to the depot, or to the slabs; false if the thread may have no
    /// sheaf for this cache.
    boolean pushMore(Sheaved cache, long object) {
        int number = cache.number();
        if (!enter()) {
            return false;
        }
        reach(number);
        Sheaf full = loaded[number];
        Sheaf other = spare[number];
        boolean none = full == Sheaf.NONE;
        boolean taken = false;
        if (!full.isFull()) {
            full.push(object);
            taken = true;
        } else if (!other.isFull()) {
            loaded[number] = other;
            spare[number] = full;
            other.push(object);
            taken = true;
        } else if (!none) {
            detachLoaded(number);
        }
        leave();
        if (taken) {
            return true;
        }
        Sheaf empty = null;
        if (none || other == Sheaf.NONE) {
            empty = mayHoldMore(cache) ? cache.sheaves().takeEmpty() : null;
            if (empty == null && none) {
                return false;
            }
            if (empty != null && !none) {
                place(cache, full);
            }
        }
        if (empty == null) {
            empty = cache.sheaves().exchangeForEmpty(full);
        }
        empty.push(object);
        place(cache, empty);
        return true;
    }

    /// An empty sheaf to be filled and then [placed][#place]; null if the thread may have none.
    @Nullable Sheaf takeEmpty(Sheaved cache) {
        int number = cache.number();
        if (!enter()) {
            return null;
        }
        reach(number);
        Sheaf sheaf = loaded[number];
        boolean mine = sheaf != Sheaf.NONE && sheaf.isEmpty();
        if (mine) {
            detachLoaded(number);
        }
        leave();
        if (mine) {
            return sheaf;
        }
        return mayHoldMore(cache) ? cache.sheaves().takeEmpty() : null;
    }

    /// Puts a sheaf that the owner alone holds in its place, or into the depot if there is none.
    void place(Sheaved cache, Sheaf sheaf) {
        Sheaf left = sheaf;
        int number = cache.number();
        if (enter()) {
            reach(number);
            Sheaf l = loaded[number];
            if (l == Sheaf.NONE) {
                loaded[number] = sheaf;
                bytes += sheaf.bytes;
                left = null;
            } else if (spare[number] == Sheaf.NONE) {
                loaded[number] = sheaf;
                spare[number] = l;
                bytes += sheaf.bytes;
                left = null;
            } else if (l.isEmpty() && !sheaf.isEmpty()) {
                loaded[number] = sheaf;
                left = l;
            }
            leave();
        }
        if (left != null) {
            cache.sheaves().keep(left);
        }
    }

    private boolean mayHoldMore(Sheaved cache) {
        Slabs pool = slabs;
        return pool != null && bytes + cache.sheafBytes() <= cache.room(pool.threads().share());
    }

    private boolean enter() {
        BUSY.setOpaque(this, 1);
        if ((int) REVOKED.getAcquire(this) == 0) {
            return true;
        }
        leave();
        return false;
    }

    private void leave() {
        BUSY.setRelease(this, 0);
    }

    /// Makes places for caches up to that number. Inside a bracket.
    private void reach(int number) {
        int length = loaded.length;
        if (number >= length) {
            int more = Math.max(number + 1, length + SizeClasses.COUNT);
            loaded = Arrays.copyOf(loaded, more);
            spare = Arrays.copyOf(spare, more);
            Arrays.fill(loaded, length, more, Sheaf.NONE);
            Arrays.fill(spare, length, more, Sheaf.NONE);
        }
    }

    private void detachLoaded(int number) {
        bytes -= loaded[number].bytes;
        loaded[number] = Sheaf.NONE;
    }

    // ---- the drainer's side ---------------------------------------------------------------------

    /// Begins a recall. A barrier must follow on every thread before [#awaitLeft].
    void revoke() {
        REVOKED.setVolatile(this, 1);
    }

    /// Waits until the owner is outside; false if it stays inside for `spins` looks.
    boolean awaitLeft(int spins) {
        for (int i = 0; i < spins; i++) {
            if ((int) BUSY.getAcquire(this) == 0) {
                return true;
            }
            Thread.onSpinWait();
        }
        return false;
    }

    /// Ends a recall.
    void restore() {
        REVOKED.setRelease(this, 0);
    }

    /// Takes every sheaf out, in front of `chain`. Only while recalled and outside, or when the
    /// owner has ended.
    @Nullable Sheaf detachAll(@Nullable Sheaf chain) {
        Sheaf out = chain;
        for (int number = 0; number < loaded.length; number++) {
            out = detach(number, out);
        }
        return out;
    }

    /// Takes the sheaves of one cache out, in front of `chain`. Only as [#detachAll].
    @Nullable Sheaf detach(int number, @Nullable Sheaf chain) {
        if (number >= loaded.length) {
            return chain;
        }
        Sheaf out = detach(loaded, number, chain);
        return detach(spare, number, out);
    }

    private @Nullable Sheaf detach(Sheaf[] places, int number, @Nullable Sheaf chain) {
        Sheaf sheaf = places[number];
        if (sheaf == Sheaf.NONE) {
            return chain;
        }
        bytes -= sheaf.bytes;
        places[number] = Sheaf.NONE;
        sheaf.next = chain;
        return sheaf;
    }

    /// Room of the sheaves in the places; a guess while the owner works.
    long heldBytes() {
        return bytes;
    }

    /// Bytes of free objects in the sheaves; a guess while the owner works.
    long cachedBytes() {
        return cachedBytes(loaded) + cachedBytes(spare);
    }

    private static long cachedBytes(Sheaf[] places) {
        long sum = 0;
        for (Sheaf sheaf : places) {
            sum += sheaf == Sheaf.NONE ? 0 : sheaf.size * (long) sheaf.cache().objectSize();
        }
        return sum;
    }

    /// Forgets the pool, which closes. Recalled for good.
    void abandon() {
        slabs = null;
    }

    /// Stays inside a bracket, or leaves it; for tests of the drainer's patience.
    void holdForTest(boolean inside) {
        BUSY.setVolatile(this, inside ? 1 : 0);
    }

    /// The sheaf in use (`which` 0) or the spare one of a cache; exact only while the owner rests.
    Sheaf peek(int number, int which) {
        Sheaf[] places = which == 0 ? loaded : spare;
        return number < places.length ? places[number] : Sheaf.NONE;
    }

    /// Checks the room held against the sheaves. Only while the owner rests.
    void verify() {
        long sum = 0;
        for (int number = 0; number < loaded.length; number++) {
            for (int which = 0; which < 2; which++) {
                Sheaf sheaf = peek(number, which);
                if (sheaf != Sheaf.NONE) {
                    Check.that(sheaf.cache().number() == number,
                            "a thread's sheaf lies at another cache's place");
                    sum += sheaf.bytes;
                }
            }
        }
        Check.that(sum == bytes, "a thread's sheaves and its room differ");
        Check.that((int) BUSY.getOpaque(this) == 0, "a resting thread is inside its sheaves");
        Check.that(Sheaf.NONE.size == 0, "somebody put an object where there is no sheaf");
    }
}
