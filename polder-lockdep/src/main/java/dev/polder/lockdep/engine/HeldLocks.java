package dev.polder.lockdep.engine;

import java.lang.ref.WeakReference;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// What one thread holds, in the order of taking (the `held_locks` of lockdep). For its owner only.
public final class HeldLocks extends WeakReference<Thread> {
    /*
     * Entry i is three longs of `entries`, at 4i (the fourth is not used: a shift finds them):
     *
     *   4i      class id << 32 | the instance's identity hash (0 for a pseudo-lock): which lock
     *   4i + 1  site << 32 | count << 8 | mode: where and how it was first taken, how often held
     *   4i + 2  = extend(key of i - 1, class, mode), the chain of entries 0..i
     *
     * Numbers instead of references: an object stored here would keep the program's lock alive and
     * cost a garbage collector's barrier at each acquisition. Two locks of one class with the same
     * identity hash (31 bits) held by one thread at once would be taken for one.
     *
     * `steps` remembers for this thread which step from a chain to a longer one is known, so that a
     * nest that is entered again costs three loads: step k is three longs at 4k, the chain's key,
     * class and mode of what was taken, and the key that resulted. Only steps are remembered whose
     * class was not held: the key says which classes are, so it is not held next time either.
     *
     * A lock taken again by its holder is counted in its entry and adds no edge, because that
     * cannot wait; its entry stays where it is until the last release, so it hides none either.
     */
    private static final int SHIFT = 2;
    private static final int FIRST_DEPTH = 16;
    private static final int COUNT_SHIFT = 8;
    private static final int ONE = 1 << COUNT_SHIFT;
    private static final long HOW = 0xFFFF_FFFFL;
    private static final long SEED = 0x2545F4914F6CDD1DL;

    /// Steps remembered; a power of two. Half a kibibyte for each thread, virtual ones among them.
    private static final int STEPS = 16;

    /// Slots of the cache from lock to instance; a power of two. A thread uses a few locks at a
    /// time.
    private static final int CACHE = 64;

    private int depth;
    private long[] entries = new long[FIRST_DEPTH << SHIFT];
    private final long[] steps = new long[STEPS << SHIFT];
    private final LockInstance[] cache = new LockInstance[CACHE];

    /// Whether the short ways may be taken: everything is watched, nothing is tried by order, and
    /// no allocation is entered.
    private boolean plain = true;

    /// Entries that the allocating frame held: those below this index. -1 outside an allocation.
    private int frame = -1;

    /// How many allocations and reclaims are entered; only the outermost sets `frame`.
    private int frames;

    /// How many reclaim entries are held; more than 0 inside reclaim.
    private int reclaims;

    /// Whose reclaim is held; null outside.
    private @Nullable ReclaimPool pool;

    /// The level of the reclaim that is held, -1 outside.
    private int level = -1;

    /// Mode bits of everything that is taken now: TRY where a shrinker may not wait.
    private int modeNow;

    /// Set where a thread must not block (an event loop).
    private int atomic;

    /// Not 0 while nothing is to be watched: the depth of methods that a rule ignores, and BUSY
    /// while the engine works for this thread, so that whatever that calls is not watched.
    private int off;

    private static final int BUSY = 1 << 30;

    HeldLocks(@Nullable Thread owner) {
        super(owner);
        Arrays.fill(cache, LockInstance.NONE);
    }

    // ---- entries --------------------------------------------------------------------------------

    /// How many different locks and pseudo-locks are held.
    public int depth() {
        return depth;
    }

    int idAt(int i) {
        return (int) (entries[i << SHIFT] >>> 32);
    }

    int hashAt(int i) {
        return (int) entries[i << SHIFT];
    }

    int modeAt(int i) {
        return (int) entries[(i << SHIFT) + 1] & Mode.ALL;
    }

    int countAt(int i) {
        return (int) entries[(i << SHIFT) + 1] >>> COUNT_SHIFT;
    }

    int siteAt(int i) {
        return (int) (entries[(i << SHIFT) + 1] >>> 32);
    }

    /// The chain key of everything held.
    long key() {
        return depth == 0 ? SEED : entries[((depth - 1) << SHIFT) + 2];
    }

    /// The chain key of one lock held alone.
    static long keyAlone(int id, int mode) {
        return ChainCache.extend(SEED, id, mode);
    }

    static long what(int id, int mode) {
        return (long) id << Mode.BITS | mode;
    }

    /// Takes a lock as nearly all are taken: with nothing held, or in just the situation in which
    /// this thread took it before and it was found to be in order. Does nothing and returns false
    /// where it is not so, or not so lately.
    ///
    /// @param hash the identity hash that stands for the lock
    boolean takeKnown(LockInstance known, int hash, int site) {
        if (!plain || known.id == 0) {
            return false;
        }
        long[] e = entries;
        int at = depth << SHIFT;
        long key = known.alone;
        if (at != 0) {
            long before = e[at - 2];
            long what = known.what;
            int step = step(before, what);
            if (steps[step] != before || steps[step + 1] != what || at == e.length) {
                return false;
            }
            key = steps[step + 2];
        }
        put(e, at, lock(known.id, hash), known.mode, site, key);
        return true;
    }

    /// Remembers a step from what is held now.
    void know(int id, int mode, long after) {
        long before = key();
        long what = what(id, mode);
        int at = step(before, what);
        steps[at] = before;
        steps[at + 1] = what;
        steps[at + 2] = after;
    }

    private static int step(long before, long what) {
        return (int) (before ^ what) & (STEPS - 1) << SHIFT;
    }

    private static long lock(int id, int hash) {
        return (long) id << 32 | (hash & HOW);
    }

    /// The index of this lock, -1 when it is not held.
    int find(int id, int hash) {
        long[] e = entries;
        long lock = lock(id, hash);
        for (int i = depth - 1; i >= 0; i--) {
            if (e[i << SHIFT] == lock) {
                return i;
            }
        }
        return -1;
    }

    /// The index of this lock; when it is not held, -2 if another of its class is, else -1.
    int findOrClass(int id, int hash) {
        long[] e = entries;
        long lock = lock(id, hash);
        int none = -1;
        for (int at = (depth - 1) << SHIFT; at >= 0; at -= 1 << SHIFT) {
            long held = e[at];
            if (held == lock) {
                return at >> SHIFT;
            }
            if ((int) (held >>> 32) == id) {
                none = -2;
            }
        }
        return none;
    }

    void push(int id, int hash, int mode, int site) {
        push(id, hash, mode, site, ChainCache.extend(key(), id, mode));
    }

    /// As `push`, with the chain key that results.
    void push(int id, int hash, int mode, int site, long key) {
        int at = depth << SHIFT;
        if (at == entries.length) {
            entries = Arrays.copyOf(entries, 2 * at);
        }
        put(entries, at, lock(id, hash), mode, site, key);
    }

    private void put(long[] e, int at, long lock, int mode, int site, long key) {
        e[at + 2] = key; // the highest index first: one range check does for all three
        e[at] = lock;
        e[at + 1] = (long) site << 32 | ONE | mode;
        depth++;
    }

    void again(int i, int times) {
        entries[(i << SHIFT) + 1] += (long) times << COUNT_SHIFT;
    }

    /// Gives back the lock that was taken last and once, if it has this identity hash.
    boolean releaseLast(int hash) {
        long[] e = entries;
        int top = (depth - 1) << SHIFT;
        if (plain && top >= 0 && (int) e[top] == hash && (int) e[top + 1] < 2 * ONE) {
            depth--;
            return true;
        }
        return false;
    }

    /// Gives back the lock that was taken last if that was at this place, exclusively and once:
    /// monitors are given back in the reverse order of their taking. Place 0 is no place.
    boolean releaseLastTakenAt(int site) {
        long[] e = entries;
        int top = (depth - 1) << SHIFT;
        if (site != 0 && plain && top >= 0 && e[top + 1] == ((long) site << 32 | ONE)) {
            depth--;
            return true;
        }
        return false;
    }

    /// Gives back one holding of the lock; a lock that is not held (taken before the thread was
    /// watched) is passed over.
    ///
    /// @return whether it was the last holding
    boolean release(int id, int hash) {
        int i = find(id, hash);
        return i >= 0 && releaseEntry(i, 1);
    }

    /// Gives back several holdings of the entry; returns whether that was the last.
    boolean releaseEntry(int i, int times) {
        if (countAt(i) > times) {
            entries[(i << SHIFT) + 1] -= (long) times << COUNT_SHIFT;
            return false;
        }
        if (--depth != i) {
            int from = (i + 1) << SHIFT;
            System.arraycopy(entries, from, entries, i << SHIFT, (depth - i) << SHIFT);
            rekey(i);
        }
        if (i < frame) {
            frame--;
        }
        return true;
    }

    /// Turns the entry into one held in another mode (a converted stamp).
    void convert(int i, int mode) {
        int how = (i << SHIFT) + 1;
        entries[how] = (entries[how] & -ONE) | mode;
        rekey(i);
    }

    private void rekey(int from) {
        long key = from == 0 ? SEED : entries[((from - 1) << SHIFT) + 2];
        for (int k = from; k < depth; k++) {
            key = ChainCache.extend(key, idAt(k), modeAt(k));
            entries[(k << SHIFT) + 2] = key;
        }
    }

    // ---- instances ------------------------------------------------------------------------------

    /// The cached instance at the slot of this key; not necessarily the key's.
    LockInstance cached(int hash) {
        return cache[hash & CACHE - 1];
    }

    void cache(int hash, LockInstance instance) {
        cache[hash & CACHE - 1] = instance;
    }

    // ---- state ----------------------------------------------------------------------------------

    int frame() {
        return frame;
    }

    /// The allocating code calls the allocator: what it holds now, and only that, is its own.
    void enterFrame() {
        if (frames++ == 0) {
            frame = depth;
            settle();
        }
    }

    void leaveFrame() {
        if (frames > 0 && --frames == 0) {
            frame = -1;
            settle();
        }
    }

    boolean inReclaim() {
        return reclaims > 0;
    }

    void reclaims(int change) {
        reclaims = Math.max(0, reclaims + change);
    }

    @Nullable ReclaimPool pool() {
        return pool;
    }

    void pool(@Nullable ReclaimPool now) {
        pool = now;
    }

    int level() {
        return level;
    }

    void level(int now) {
        level = now;
    }

    int modeNow() {
        return modeNow;
    }

    void noWait(boolean set) {
        modeNow = set ? Mode.TRY : 0;
        settle();
    }

    boolean isAtomic() {
        return atomic > 0;
    }

    void atomic(int change) {
        atomic = Math.max(0, atomic + change);
    }

    /// Whether nothing is to be watched now.
    boolean off() {
        return off != 0;
    }

    void busy(boolean set) {
        off = set ? off | BUSY : off & ~BUSY;
        settle();
    }

    void ignored(int change) {
        off = change > 0 || (off & ~BUSY) > 0 ? off + change : off;
        settle();
    }

    private void settle() {
        plain = off == 0 && modeNow == 0 && frame < 0;
    }

    /// Whether the owner has ended.
    boolean ended() {
        Thread t = get();
        return t == null || !t.isAlive();
    }

    /// Forgets everything held; for tests that end inside a lock on purpose.
    void forgetAll() {
        depth = 0;
        frame = -1;
        frames = 0;
        reclaims = 0;
        pool = null;
        level = -1;
        modeNow = 0;
        atomic = 0;
        off = 0;
        settle();
    }

    /// Walks the invariants.
    ///
    /// @throws IllegalStateException naming the first that fails
    public void verify() {
        long key = SEED;
        for (int i = 0; i < depth; i++) {
            key = ChainCache.extend(key, idAt(i), modeAt(i));
            long kept = entries[(i << SHIFT) + 2];
            check(kept == key, "key of i = extend(key of i - 1, entry i)");
            check(countAt(i) >= 1, "a held lock is held at least once");
            for (int k = 0; k < i; k++) {
                check(idAt(k) != idAt(i) || hashAt(k) != hashAt(i), "one entry for one lock");
            }
        }
        check(plain == (off == 0 && modeNow == 0 && frame < 0), "plain says that all is");
        check(frame <= depth, "the allocating frame's locks are held");
    }

    private static void check(boolean holds, String what) {
        if (!holds) {
            throw new IllegalStateException("broken in a thread's held locks: " + what);
        }
    }
}
