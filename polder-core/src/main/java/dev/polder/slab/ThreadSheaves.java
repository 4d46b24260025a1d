package dev.polder.slab;

import dev.polder.base.Check;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/// The two sheaves that one platform thread owns for one cache. What a CPU's `struct
/// slub_percpu_sheaves` is to the kernel.
///
/// Notes
///
/// **The bracket.** The owner uses its sheaves without an atomic instruction, and yet another
/// thread can call them back ([ThreadRegistry]). Each use is a bracket: set `busy`; read `open`,
/// the array of the sheaf in use; use it; clear `busy`. The drainer takes `open` away, which
/// leaves an array without a place, so that the bound of the array, which is tested anyway, tells
/// the owner. Then it runs a barrier on every thread ([dev.polder.os.Membarrier]), and waits a
/// bounded time until it sees `busy` clear. Either the owner's store to `busy` came before the
/// barrier, and the drainer sees it and waits for the end of that use; or it came after, and then
/// so did the owner's read of `open`, which finds nothing. Nothing between the two is left out,
/// because a thread that is not running passed a barrier when it was switched out.
///
/// The owner's **slow paths** change which sheaf is in use, and open it as they leave their
/// bracket. They ask `door` first, which the drainer closes before it takes `open` away. One that
/// came in just before may open a sheaf behind the drainer's back, so the drainer looks again once
/// the owner was seen outside ([#shut]): if it has to take `open` away once more, a second barrier
/// must follow. Nobody opens it any longer, because the door is closed.
///
/// Orders: `busy` is set opaque, which keeps the compiler from moving it behind the read of
/// `open` (HotSpot puts compiler fences around opaque accesses), and cleared by a release store,
/// which the drainer's acquire read pairs with. `door` is read with acquire, which pairs with the
/// store that ends a recall: the owner's next slow path sees the places emptied. On x86-64 all
/// that the owner does is plain instructions.
///
/// Inside a bracket nothing is called that blocks, so that a drainer waits for a few instructions,
/// or, if the owner was switched out just there, gives up. Exchanges with the depot are made
/// outside: a sheaf is taken out in one bracket and put in its place in another.
///
/// **Apart.** A thread that is in reclaim, or enters a memory group, tells its sheaves
/// ([TaskSheaves]): nothing stays open, and its slow path, which looks, is its only one.
final class ThreadSheaves {
    private static final VarHandle BUSY;
    private static final VarHandle DOOR;
    private static final VarHandle OPEN;
    private static final long[] NOTHING = Sheaf.NONE.objects;

    static {
        try {
            MethodHandles.Lookup lookup = MethodHandles.lookup();
            BUSY = lookup.findVarHandle(ThreadSheaves.class, "busy", int.class);
            DOOR = lookup.findVarHandle(ThreadSheaves.class, "door", int.class);
            OPEN = lookup.findVarHandle(ThreadSheaves.class, "open", long[].class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /// Stands in the table where no thread does.
    static final ThreadSheaves VACANT = new ThreadSheaves();

    /// By what the table knows them ([SheafTable]).
    final long key;
    /// Whose objects they hold; null for nobody's.
    final @Nullable Sheaved cache;

    @SuppressWarnings("unused") // through BUSY only
    private int busy;
    @SuppressWarnings("unused") // through DOOR only: not 0 from the begin of a recall to its end
    private int door;
    /// The array of the sheaf in use, or [#NOTHING].
    private long[] open = NOTHING;
    // What follows is touched by the owner inside a bracket, and by a drainer between a recall's
    // barrier and its end
    /// Objects in the sheaf in use, whose own count is stale.
    private int size;
    private Sheaf main = Sheaf.NONE;
    private Sheaf spare = Sheaf.NONE;

    private final @Nullable TaskSheaves owner;
    /// Look-ups that did not find them in the table. For the owner.
    int misses;
    // For the owner
    private boolean apart;

    /// None yet, of a thread for a cache.
    ThreadSheaves(TaskSheaves owner, Sheaved cache) {
        this.key = cache.key() + owner.threadId();
        this.owner = owner;
        this.cache = cache;
    }

    private ThreadSheaves() {
        this.key = SheafTable.NO_KEY;
        this.owner = null;
        this.cache = null;
    }

    /// Whether the thread has ended; true for nobody.
    boolean ended() {
        return owner == null || owner.ended();
    }

    // ---- the owner's fast paths -----------------------------------------------------------------

    // They end their brackets in both branches: one exit would be tested once more by the caller

    /// Takes an object; 0 if the sheaf in use has none.
    long pop() {
        BUSY.setOpaque(this, 1);
        long[] objects = (long[]) OPEN.getAcquire(this);
        int top = size - 1;
        if (Integer.compareUnsigned(top, objects.length) < 0) {
            size = top;
            long object = objects[top];
            BUSY.setRelease(this, 0);
            return object;
        }
        BUSY.setRelease(this, 0);
        return 0;
    }

    /// Takes a free object in; false if the sheaf in use has no room.
    boolean push(long object) {
        BUSY.setOpaque(this, 1);
        long[] objects = (long[]) OPEN.getAcquire(this);
        int top = size;
        if (Integer.compareUnsigned(top, objects.length) < 0) {
            objects[top] = object;
            size = top + 1;
            BUSY.setRelease(this, 0);
            return true;
        }
        BUSY.setRelease(this, 0);
        return false;
    }

    // ---- the owner's slow paths -----------------------------------------------------------------

    /// Takes an object after [#pop] found none: from the spare sheaf, or from a filled one of the
    /// depot; 0 if there is none.
    long popMore() {
        if (!enter()) {
            return 0;
        }
        boolean none = main == Sheaf.NONE;
        if (size == 0 && !spare.isEmpty()) {
            swap();
        }
        long object = size == 0 ? 0 : main.objects[--size];
        boolean more = object == 0 && cache().sheaves().hasFilled();
        Sheaf empty = more && !none ? takeMain() : null;
        leave();
        if (!more || (none && !mayHoldMore())) {
            return object;
        }
        Sheaf filled = cache().sheaves().exchangeForFilled(empty);
        if (filled == null) {
            if (empty != null) {
                place(empty);
            }
            return 0;
        }
        object = filled.pop();
        place(filled);
        return object;
    }

    /// Takes an object in after [#push] found no room: into the spare sheaf, or into an empty one
    /// for which the full one goes to the depot, or to the slabs; false if the thread may have no
    /// sheaf for this cache.
    boolean pushMore(long object) {
        if (!enter()) {
            return false;
        }
        boolean none = main == Sheaf.NONE;
        boolean alone = spare == Sheaf.NONE;
        if (size == main.objects.length && !spare.isFull()) {
            swap();
        }
        boolean taken = size < main.objects.length;
        if (taken) {
            main.objects[size++] = object;
        }
        boolean home = !taken && !none && !alone && cache().sheaves().sendsHome();
        Sheaf full = taken || none || home ? Sheaf.NONE : takeMain();
        leave();
        if (taken || home) {
            return taken;
        }
        Sheaf empty = null;
        if (none || alone) {
            empty = mayHoldMore() ? cache().sheaves().takeEmpty() : null;
            if (empty == null && none) {
                return false;
            }
            if (empty != null && !none) {
                place(full);
            }
        }
        if (empty == null) {
            empty = cache().sheaves().exchangeForEmpty(full);
        }
        empty.push(object);
        place(empty);
        return true;
    }

    /// An empty sheaf to be filled and then [placed][#place]; null if the thread may have none.
    @Nullable Sheaf takeEmpty() {
        if (!enter()) {
            return null;
        }
        Sheaf mine = main != Sheaf.NONE && size == 0 ? takeMain() : null;
        leave();
        if (mine != null) {
            return mine;
        }
        return mayHoldMore() ? cache().sheaves().takeEmpty() : null;
    }

    /// Puts a sheaf that the owner alone holds in its place, or into the depot if there is none.
    void place(Sheaf sheaf) {
        Sheaf left = sheaf;
        if (enter()) {
            if (main == Sheaf.NONE) {
                setMain(sheaf);
                left = null;
            } else if (spare == Sheaf.NONE) {
                spare = takeMain();
                setMain(sheaf);
                left = null;
            } else if (size == 0 && !sheaf.isEmpty()) {
                left = takeMain();
                setMain(sheaf);
            }
            leave();
        }
        if (left != null) {
            cache().sheaves().keep(left);
        }
    }

    /// From now on the owner has the slow paths only, or no longer: the next of them opens a sheaf.
    void apart(boolean on) {
        apart = on;
        if (on) {
            OPEN.setRelease(this, NOTHING);
        }
    }

    private boolean mayHoldMore() {
        return owner != null && owner.mayHold(cache());
    }

    private boolean enter() {
        BUSY.setOpaque(this, 1);
        if ((int) DOOR.getAcquire(this) == 0) {
            return true;
        }
        BUSY.setRelease(this, 0);
        return false;
    }

    private void leave() {
        OPEN.setRelease(this, apart ? NOTHING : main.objects);
        BUSY.setRelease(this, 0);
    }

    /// Whose objects they hold, of sheaves that are somebody's.
    Sheaved cache() {
        if (cache == null) {
            throw Check.broken("nobody's sheaves are used");
        }
        return cache;
    }

    // ---- the places; inside a bracket, or by a drainer ------------------------------------------

    private void setMain(Sheaf sheaf) {
        main = sheaf;
        size = sheaf.size;
    }

    private Sheaf takeMain() {
        Sheaf sheaf = main;
        sheaf.size = size;
        setMain(Sheaf.NONE);
        return sheaf;
    }

    private void swap() {
        Sheaf other = spare;
        spare = main == Sheaf.NONE ? Sheaf.NONE : takeMain();
        setMain(other);
    }

    // ---- the drainer's side ---------------------------------------------------------------------

    /// Begins a recall. A barrier must follow on every thread before [#awaitLeft].
    void revoke() {
        DOOR.setVolatile(this, 1);
        OPEN.setVolatile(this, NOTHING);
    }

    /// Whether nothing is open, of an owner that was seen outside since the last barrier. If
    /// something was, it is taken away now, and another barrier and [#awaitLeft] must follow.
    boolean shut() {
        return OPEN.getAndSet(this, NOTHING) == NOTHING;
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

    /// Ends a recall. The owner's next slow path opens a sheaf again.
    void restore() {
        DOOR.setVolatile(this, 0);
    }

    /// Takes both sheaves out, in front of `chain`. Only while recalled, outside and shut, or when
    /// the owner has ended.
    @Nullable Sheaf detach(@Nullable Sheaf chain) {
        Sheaf out = chain;
        if (main != Sheaf.NONE) {
            Sheaf sheaf = takeMain();
            sheaf.next = out;
            out = sheaf;
        }
        if (spare != Sheaf.NONE) {
            spare.next = out;
            out = spare;
            spare = Sheaf.NONE;
        }
        return out;
    }

    /// Whether they lose their place when they are recalled: their cache is closed, or their owner
    /// is a virtual thread. Under the registry's lock.
    boolean isForOneRecall() {
        return cache().threadsDenied() || (owner != null && owner.isVirtual());
    }

    /// Leaves the owner's list.
    void forget() {
        if (owner != null) {
            owner.remove(this);
        }
    }

    /// Room of the sheaves in the places; a guess for others while the owner works.
    long heldBytes() {
        return main.bytes + spare.bytes;
    }

    /// Objects in the sheaves; a guess for others while the owner works.
    long count() {
        return size + (long) spare.size;
    }

    /// Stays inside a bracket, or leaves it; for tests of the drainer's patience.
    void holdForTest(boolean inside) {
        BUSY.setVolatile(this, inside ? 1 : 0);
    }

    /// The sheaf in use (`which` 0) or the spare one. Only while the owner rests.
    Sheaf peek(int which) {
        if (which != 0) {
            return spare;
        }
        if (main != Sheaf.NONE) {
            main.size = size;
        }
        return main;
    }

    /// Checks the places. Only while the owner rests.
    void verify() {
        for (int which = 0; which < 2; which++) {
            Sheaf sheaf = peek(which);
            Check.that(sheaf == Sheaf.NONE || sheaf.cache() == cache,
                    "a thread's sheaf lies at another cache's place");
        }
        Check.that(open == main.objects || open == NOTHING,
                "another sheaf is open than the one in use");
        Check.that(main != Sheaf.NONE || size == 0, "objects without a sheaf");
        Check.that((int) BUSY.getOpaque(this) == 0, "a resting thread is inside its sheaves");
        Check.that(Sheaf.NONE.size == 0, "somebody put an object where there is no sheaf");
    }
}
