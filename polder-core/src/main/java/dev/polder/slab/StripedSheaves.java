package dev.polder.slab;

import dev.polder.base.Check;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// The sheaves of free objects in front of one cache's slabs, shared by stripes of threads. After
/// Bonwick and Adams 2001 (magazines and depot), with a stripe where they have a CPU.
///
/// Notes
///
/// A thread's stripe follows from its id, virtual or not; when that stripe is busy the next one is
/// tried, and then the slabs themselves serve. An object is pushed and popped under a stripe's busy
/// word, whole sheaves move between stripes and depot, and only when the depot has nothing (or no
/// room) does a sheaf go to the slabs, to be filled (or emptied) under the cache's lock, with no
/// stripe held. While it is away its place is null and the stripe serves with what is left.
///
/// Every sheaf is reserved in [Slabs] at its full size when it is made, so that all sheaves of a
/// pool together can never hold more than their share of it.
final class StripedSheaves {
    /// Objects in a sheaf at most: 100 objects taken and given back stay within two sheaves.
    static final int MAX_CAPACITY = 128;
    /// Filled sheaves, and empty ones, of a depot: some thousand objects pass between threads that
    /// take and threads that give without the slabs. The room for sheaves bounds large ones sooner.
    private static final int DEPOT_LIMIT = 64;
    /// Objects of a sheaf that it does not pay to exchange.
    private static final int FEW = 8;
    /// Attempts on one stripe when its sheaves are called back; a holder is out after a few
    /// instructions unless it is not running, and then its stripe is left for the next time.
    private static final int DRAIN_ATTEMPTS = 64;

    /// Turns of one thread: a program that allocates and frees a few hundred objects and ends, as
    /// most virtual threads do, is not worth sheaves of its own.
    private static final int OFTEN = 1024;

    private final Sheaved cache;
    private final int capacity;
    private final SheafStripe[] stripes;
    private final Depot depot;
    private volatile boolean closed;

    /// `capacity` 0 means no sheaves at all, `stripes` 0 none but in the depot.
    StripedSheaves(Sheaved cache, int stripes, int capacity) {
        assert Integer.bitCount(stripes) <= 1 : "a mask selects the stripe";
        assert capacity >= 0 && capacity <= MAX_CAPACITY : "capacity " + capacity;
        this.cache = cache;
        this.capacity = capacity;
        this.stripes = new SheafStripe[stripes];
        this.depot = new Depot(DEPOT_LIMIT);
        for (int i = 0; i < stripes; i++) {
            SheafStripe s = new SheafStripe();
            s.loaded = create();
            s.spare = create();
            this.stripes[i] = s;
        }
    }

    /// Takes an object; 0 if none is at hand, or if a virtual thread has
    /// [come often][#comesOften].
    long pop() {
        SheafStripe s = lockStripe();
        if (s == null) {
            return 0;
        }
        try {
            if (s.visits() >= OFTEN && Thread.currentThread().isVirtual()) {
                return 0;
            }
            Sheaf loaded = s.loaded;
            if (loaded != null && loaded.size > 0) {
                return loaded.pop();
            }
            Sheaf spare = s.spare;
            if (spare != null && spare.size > 0) {
                s.loaded = spare;
                s.spare = loaded;
                return spare.pop();
            }
            Sheaf filled = depot.exchangeForFilled(loaded);
            if (filled == null) {
                return 0;
            }
            s.loaded = filled;
            return filled.pop();
        } finally {
            s.unlock();
        }
    }

    /// Whether the current thread, a virtual one, has come so often, with no other between, that
    /// sheaves of its own would serve it better. Counts anew then.
    boolean comesOften() {
        SheafStripe s = lockStripe();
        if (s == null) {
            return false;
        }
        boolean often = s.visits() >= OFTEN;
        if (often) {
            s.countAnew();
        }
        s.unlock();
        return often;
    }

    /// Takes in a free object; false if there is no place for it and the slab must have it.
    boolean push(long object) {
        SheafStripe s = lockStripe();
        if (s == null) {
            return false;
        }
        Sheaf full;
        try {
            Sheaf loaded = s.loaded;
            Sheaf spare = s.spare;
            if (loaded != null && !loaded.isFull()) {
                loaded.push(object);
                return true;
            }
            if (spare != null && !spare.isFull()) {
                s.loaded = spare;
                s.spare = loaded;
                spare.push(object);
                return true;
            }
            Sheaf empty = loaded == null ? depot.takeEmpty() : depot.exchangeForEmpty(loaded);
            if (empty != null) {
                s.loaded = empty;
                empty.push(object);
                return true;
            }
            if (loaded == null) {
                return false;
            }
            full = loaded;
            s.loaded = spare;
            s.spare = null;
        } finally {
            s.unlock();
        }
        Sheaf empty = exchangeForEmpty(full);
        empty.push(object);
        install(empty);
        return true;
    }

    /// An empty sheaf to be filled; null if there is none and none may be made.
    @Nullable Sheaf takeEmpty() {
        Sheaf sheaf = depot.takeEmpty();
        return sheaf != null ? sheaf : create();
    }

    /// Whether the depot has a filled sheaf; a guess while others put and take.
    boolean hasFilled() {
        return depot.hasFilled();
    }

    /// Whether a full sheaf's objects would go home at once, and are so few that one more object
    /// had better go by itself; a guess while others put and take.
    boolean sendsHome() {
        return capacity < FEW && !(depot.hasRoomForFilled()
                && (depot.hasEmpty() || cache.slabs.mayReserve(cache, sheafBytes())));
    }

    /// A filled sheaf for `given`, which is empty or absent; null, and nothing taken, if there is
    /// none.
    @Nullable Sheaf exchangeForFilled(@Nullable Sheaf given) {
        return depot.exchangeForFilled(given);
    }

    /// An empty sheaf for `full`: one of the depot's, or a new one, or `full` itself after its
    /// objects went to their slabs.
    Sheaf exchangeForEmpty(Sheaf full) {
        if (depot.hasRoomForFilled()) {
            Sheaf empty = depot.exchangeForEmpty(full);
            if (empty != null) {
                return empty;
            }
            Sheaf fresh = create();
            if (fresh != null && intoDepot(full)) {
                return fresh;
            }
            if (fresh != null) {
                keep(fresh);
            }
        }
        cache.putBack(full);
        return full;
    }

    /// Finds a place for a sheaf that nobody else holds: this thread's stripe, the depot, or none,
    /// and then its objects go to their slabs and it is given up.
    void install(Sheaf sheaf) {
        install(lockStripe(), sheaf);
    }

    /// As [#install], but not in a stripe.
    void keep(Sheaf sheaf) {
        install(null, sheaf);
    }

    /// Sends every object to its slab. A stripe that stays busy is skipped.
    ///
    /// @return the number of frames that became free by it
    long drain() {
        long freed = 0;
        for (SheafStripe s : stripes) {
            // Two sheaves a stripe; one that is filled again meanwhile is left to its users.
            for (int i = 0; i < 2; i++) {
                Sheaf sheaf = detach(s, true);
                if (sheaf == null) {
                    break;
                }
                freed += cache.putBack(sheaf);
                install(tryHard(s) ? s : null, sheaf);
            }
        }
        // No more than the depot can hold: others may put new ones meanwhile.
        for (int i = 0; i < depot.limit(); i++) {
            Sheaf sheaf = depot.takeFilled();
            if (sheaf == null) {
                break;
            }
            freed += cache.putBack(sheaf);
            keep(sheaf);
        }
        return freed;
    }

    /// Takes every sheaf away for good, its objects to their slabs. Only while nobody takes or
    /// gives; who does so all the same finds no sheaves and goes to the slabs.
    void close() {
        closed = true;
        for (SheafStripe s : stripes) {
            for (Sheaf sheaf = detach(s, false); sheaf != null; sheaf = detach(s, false)) {
                giveUp(sheaf);
            }
        }
        emptyDepot();
    }

    private void emptyDepot() {
        for (Sheaf sheaf = depot.takeFilled(); sheaf != null; sheaf = depot.takeFilled()) {
            giveUp(sheaf);
        }
        for (Sheaf sheaf = depot.takeEmpty(); sheaf != null; sheaf = depot.takeEmpty()) {
            giveUp(sheaf);
        }
    }

    /// Room that one sheaf takes, in bytes.
    long sheafBytes() {
        return capacity * (long) cache.objectSize();
    }

    /// The stripes; for tests that hold them.
    SheafStripe[] stripes() {
        return stripes.clone();
    }

    /// Objects in all sheaves; exact only while nobody takes or gives.
    long objects() {
        long sum = depot.objects();
        for (SheafStripe s : stripes) {
            Sheaf loaded = s.loaded;
            Sheaf spare = s.spare;
            sum += (loaded == null ? 0 : loaded.size) + (spare == null ? 0 : spare.size);
        }
        return sum;
    }

    /// Checks the sheaves and shows each to `visitor`; only while nobody takes or gives.
    void verify(Consumer<Sheaf> visitor) {
        for (SheafStripe s : stripes) {
            Check.that(s.tryLock(), "a stripe is held although nobody uses the cache");
            try {
                verify(s.loaded, visitor);
                verify(s.spare, visitor);
                Check.that(s.loaded == null || s.loaded != s.spare, "a stripe holds a sheaf twice");
            } finally {
                s.unlock();
            }
        }
        depot.verify(sheaf -> verify(sheaf, visitor));
    }

    private void verify(@Nullable Sheaf sheaf, Consumer<Sheaf> visitor) {
        if (sheaf != null) {
            Check.that(sheaf.objects.length == capacity, "a sheaf of another cache");
            Check.that(sheaf.size >= 0 && sheaf.size <= capacity, "a sheaf's size is out of range");
            visitor.accept(sheaf);
        }
    }

    private void install(@Nullable SheafStripe locked, Sheaf sheaf) {
        Sheaf left = sheaf;
        if (locked != null) {
            try {
                left = closed ? sheaf : settle(locked, sheaf);
            } finally {
                locked.unlock();
            }
        }
        if (left == null || intoDepot(left)) {
            return;
        }
        cache.putBack(left);
        if (!intoDepot(left)) {
            giveUp(left);
        }
    }

    /// Puts a sheaf into the depot; false if it has its fill, or none is kept any longer. One that
    /// came in while the depot was emptied for good goes the same way.
    private boolean intoDepot(Sheaf sheaf) {
        if (closed || !depot.put(sheaf)) {
            return false;
        }
        if (closed) {
            emptyDepot();
        }
        return true;
    }

    /// Puts `sheaf` into a stripe that this thread holds; the sheaf for which there was no place.
    private static @Nullable Sheaf settle(SheafStripe s, Sheaf sheaf) {
        Sheaf loaded = s.loaded;
        if (loaded == null) {
            s.loaded = sheaf;
            return null;
        }
        if (s.spare == null) {
            s.loaded = sheaf;
            s.spare = loaded;
            return null;
        }
        if (loaded.isEmpty() && !sheaf.isEmpty()) {
            s.loaded = sheaf;
            return loaded;
        }
        return sheaf;
    }

    /// Takes a sheaf out of a stripe; null if it has none (of at least one object, if `filled`) or
    /// stays busy.
    private static @Nullable Sheaf detach(SheafStripe s, boolean filled) {
        if (!tryHard(s)) {
            return null;
        }
        try {
            Sheaf loaded = s.loaded;
            if (loaded != null && !(filled && loaded.isEmpty())) {
                s.loaded = s.spare;
                s.spare = null;
                return loaded;
            }
            Sheaf spare = s.spare;
            if (spare != null && !(filled && spare.isEmpty())) {
                s.spare = null;
                return spare;
            }
            return null;
        } finally {
            s.unlock();
        }
    }

    private void giveUp(Sheaf sheaf) {
        cache.putBack(sheaf);
        cache.slabs.unreserve(sheaf.bytes);
    }

    /// A new sheaf, or null where the room for sheaves, or the heap, is used up: a free may come
    /// here and must not fail.
    private @Nullable Sheaf create() {
        long bytes = sheafBytes();
        if (closed || capacity == 0 || !cache.slabs.reserve(cache, bytes)) {
            return null;
        }
        try {
            return new Sheaf(cache, capacity);
        } catch (OutOfMemoryError e) {
            cache.slabs.unreserve(bytes);
            return null;
        }
    }

    private @Nullable SheafStripe lockStripe() {
        if (stripes.length == 0) {
            return null;
        }
        long id = Thread.currentThread().threadId();
        int first = (int) id & (stripes.length - 1);
        SheafStripe s = stripes[first];
        if (!s.tryLock()) {
            s = stripes[(first + 1) & (stripes.length - 1)];
            if (!s.tryLock()) {
                return null;
            }
        }
        s.visitedBy(id);
        return s;
    }

    private static boolean tryHard(SheafStripe s) {
        for (int i = 0; i < DRAIN_ATTEMPTS; i++) {
            if (s.tryLock()) {
                return true;
            }
            Thread.onSpinWait();
        }
        return false;
    }
}
