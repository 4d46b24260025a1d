package dev.polder.slab;

import dev.polder.base.Check;
import dev.polder.base.Frames;
import dev.polder.debug.ObjectTrack;
import dev.polder.memgroup.ChargeAudit;
import dev.polder.memgroup.MemGroup;
import org.jspecify.annotations.Nullable;

/// One run of frames cut into equal objects of one cache; the owner of its frames in the frame
/// table. The kernel's `struct slab`.
///
/// Notes
///
/// Nothing is kept inside the objects, so no write of a user, early or late, can mislead the cache.
/// For each object there is a **state**: [#FREE], or what `kmalloc` (the size that was asked for)
/// or the cache (who holds it, above all sizes) recorded when it handed the object out. It is
/// written by whoever takes or gives the object, with plain stores: an address passes from thread
/// to thread by some synchronization of its users', or through a sheaf's. So a free finds `FREE` if
/// the object was given back before and is not in use again, wherever it lies now (a sheaf, the
/// free map), and that check needs no lock. Two frees of one address that race are a misuse that it
/// may miss.
///
/// The state of an object that a memory group pays for has the bit [#CHARGED], its sign. So one
/// comparison with `FREE` tells on the way of a free that the object is in use and nobody pays. The
/// slab then has **payers**, a group an object, from the first such object on.
///
/// The **free map** (a bit an object, under the cache's lock) says which objects lie in the slab
/// itself. An object that is free by its state and not in the map lies in a sheaf.
///
/// An object's number is found without a division, and exactly. The stride is `odd << shift`; an
/// offset multiplied by the inverse of `odd` modulo 2^64 and rotated right by `shift` is the
/// quotient if there is no rest, and larger than every quotient if there is one (Warren, Hacker's
/// Delight, 10-17). So one comparison with the capacity tells places inside an object, outside the
/// slab, and far away.
final class Slab {
    /// The state of an object that nobody holds.
    static final short FREE = 0;
    /// In the state of an object that a memory group pays for.
    static final short CHARGED = Short.MIN_VALUE;

    final SlabCache cache;
    /// Address of the first object.
    private final long base;
    private final long inverse;
    /// The capacity, as what a quotient is compared with.
    private final long limit;
    /// The cache's, so that a free need not read the cache to find the thread's sheaves.
    private final long key;
    private final int shift;
    /// From one object to the next: the object size, and in debug mode the red zone behind it.
    private final int stride;
    private final short[] states;
    /// Who used each object last; null unless debug mode is on.
    final ObjectTrack @Nullable [] tracks;
    /// Made under the cache's lock. An entry belongs to whoever holds the object.
    private @Nullable MemGroup @Nullable [] payers;

    /// First frame of the run.
    final long run;
    final int order;

    // Guarded by the cache's lock. freeCount = number of bits set in the map
    private final long[] freeMap;
    private int freeCount;
    /// The list that it is on, and its neighbours there.
    @Nullable SlabList list;
    @Nullable Slab next;
    @Nullable Slab prev;

    /// A slab over the run `run` of `order` at address `base`, all of whose objects are free and in
    /// it.
    Slab(SlabCache cache, long run, int order, long base) {
        this.cache = cache;
        this.run = run;
        this.order = order;
        this.base = base + cache.gap();
        this.stride = cache.objectSize() + cache.gap();
        this.shift = Integer.numberOfTrailingZeros(stride);
        this.inverse = inverse(stride >> shift);
        int capacity = (int) (((Frames.SIZE << order) - cache.gap()) / stride);
        this.tracks = cache.slabs().debug() == null ? null : new ObjectTrack[capacity];
        this.states = new short[capacity];
        this.limit = capacity;
        this.key = cache.key();
        this.freeMap = new long[(capacity + 63) >> 6];
        for (int i = 0; i < capacity; i++) {
            freeMap[i >> 6] |= 1L << i;
        }
        this.freeCount = capacity;
    }

    /// Number of objects in the slab.
    int capacity() {
        return states.length;
    }

    /// Number of the object that starts at `address`; -1 if none does.
    int indexOf(long address) {
        long quotient = quotient(address);
        return has(quotient) ? (int) quotient : -1;
    }

    /// Number of the object that starts at `address` if the slab [has][#has] it; else none starts
    /// there.
    long quotient(long address) {
        return Long.rotateRight((address - base) * inverse, shift);
    }

    /// Whether that is the number of an object.
    boolean has(long quotient) {
        return Long.compareUnsigned(quotient, limit) < 0;
    }

    /// Number of the object that starts at `address`, which one does.
    int indexAt(long address) {
        return (int) quotient(address);
    }

    /// Number of the object that `address` lies in, or -1 in the unused rest of the run.
    int indexAround(long address) {
        int index = Math.toIntExact(Math.floorDiv(address - base, stride));
        return index < states.length ? index : -1;
    }

    /// Address of object `index`.
    long addressOf(int index) {
        return base + (long) index * stride;
    }

    /// What [SheafTable] knows of the current thread's sheaves for the cache.
    @Nullable ThreadSheaves sheavesOfThread() {
        return SheafTable.mine(key);
    }

    short state(int index) {
        return states[index];
    }

    void state(int index, short state) {
        states[index] = state;
    }

    /// What the cache or `kmalloc` recorded of object `index`, whether it is charged or not.
    short use(int index) {
        return (short) (states[index] & ~CHARGED);
    }

    /// Records another use of object `index`, which stays charged if it is.
    void use(int index, short use) {
        states[index] = (short) ((states[index] & CHARGED) | use);
    }

    boolean isCharged(int index) {
        return states[index] < FREE;
    }

    /// Makes room for payers. Under the cache's lock.
    void makePayers() {
        if (payers == null) {
            payers = new MemGroup[states.length];
        }
    }

    boolean hasPayers() {
        return payers != null;
    }

    /// Notes who pays for object `index`, which is in use. After [#makePayers].
    void charge(int index, MemGroup payer) {
        assert states[index] > FREE : "an object in use that nobody pays for";
        payers()[index] = payer;
        states[index] |= CHARGED;
    }

    /// Forgets who pays for object `index`, which is charged, and says who it was.
    MemGroup uncharge(int index) {
        MemGroup payer = payers()[index];
        if (payer == null) {
            throw Check.broken("an object is charged to nobody");
        }
        payers()[index] = null;
        states[index] &= ~CHARGED;
        return payer;
    }

    /// Shows every object that is charged to a group.
    void audit(ChargeAudit audit) {
        if (payers == null) {
            return;
        }
        for (MemGroup payer : payers) {
            if (payer != null) {
                audit.object(payer, cache.objectSize());
            }
        }
    }

    private @Nullable MemGroup[] payers() {
        @Nullable MemGroup[] p = payers;
        if (p == null) {
            throw Check.broken("a slab with a charged object has no payers");
        }
        return p;
    }

    /// Number of objects in the slab's own free map. Under the cache's lock.
    int freeCount() {
        return freeCount;
    }

    /// Takes the first object out of the map, which is not empty. Under the cache's lock.
    long take() {
        int word = 0;
        while (freeMap[word] == 0) {
            word++;
        }
        int index = (word << 6) + Long.numberOfTrailingZeros(freeMap[word]);
        freeMap[word] &= freeMap[word] - 1;
        freeCount--;
        return addressOf(index);
    }

    /// Puts the object at `address` into the map. Under the cache's lock.
    void put(long address) {
        int index = indexOf(address);
        Check.that(index >= 0, "what comes back to a slab is not one of its objects");
        Check.that(!isInMap(index), "an object came back to its slab twice");
        freeMap[index >> 6] |= 1L << index;
        freeCount++;
    }

    boolean isInMap(int index) {
        return (freeMap[index >> 6] & 1L << index) != 0;
    }

    /// Number of objects that somebody holds; exact only while nobody takes or gives.
    int live() {
        int live = 0;
        for (short state : states) {
            if (state != FREE) {
                live++;
            }
        }
        return live;
    }

    /// Checks map against count and states. Under the cache's lock.
    void verify() {
        int bits = 0;
        for (int i = 0; i < states.length; i++) {
            if (isInMap(i)) {
                bits++;
                Check.that(states[i] == FREE, "an object in its slab's free map is in use");
            }
            Check.that(isCharged(i) == (payers != null && payers[i] != null),
                    "an object's state and its payer disagree");
            Check.that(indexOf(addressOf(i)) == i, "an object's number and address disagree");
        }
        Check.that(bits == freeCount, "a slab's free map and its count differ");
        long inWords = 0;
        for (long word : freeMap) {
            inWords += Long.bitCount(word);
        }
        Check.that(inWords == bits, "a slab's free map names objects that it has not");
    }

    @Override
    public String toString() {
        return "a slab of " + cache;
    }

    /// The inverse of an odd number modulo 2^64, by Newton's method: `odd` itself is right in three
    /// bits, and each step doubles them.
    private static long inverse(long odd) {
        long x = odd;
        for (int bits = 3; bits < Long.SIZE; bits *= 2) {
            x *= 2 - odd * x;
        }
        return x;
    }
}
