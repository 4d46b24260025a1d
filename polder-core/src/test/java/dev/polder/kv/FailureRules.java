package dev.polder.kv;

import dev.polder.gfp.Gfp;

/// How an allocation ends, and after how many page requests, where page requests of some orders
/// fail and no object is free: rows D1, G1, G2, I1 to I3 and L1, as pure functions. One for each
/// allocation.
final class FailureRules {
    private static final int FRAME = 4096;
    private static final int LARGEST_OBJECT = 8192;
    private static final int LARGEST_ORDER = 10;
    /// G2: as many objects as a slab shall have, up to that order.
    private static final int OBJECTS = 16;
    private static final int PREFERRED = 3;

    private final int fromOrder;
    private int left;
    private int requests;

    /// The first `count` requests of that order and above fail, but for those that insist (L1).
    FailureRules(int fromOrder, int count) {
        this.fromOrder = fromOrder;
        this.left = count;
    }

    /// Requests that were made so far.
    int requests() {
        return requests;
    }

    /// Whether a run is had; D1: none above the largest order.
    boolean pages(int order, int gfp) {
        requests++;
        return order <= LARGEST_ORDER && served(order, gfp);
    }

    private boolean served(int order, int gfp) {
        return Gfp.has(gfp, Gfp.NOFAIL) || order < fromOrder || left-- <= 0;
    }

    /// G2: a slab of the preferred order, without NOFAIL, and failing that the smallest.
    boolean slab(int objectSize, int gfp) {
        return pages(preferred(objectSize), gfp & ~Gfp.NOFAIL) || pages(order(objectSize), gfp);
    }

    /// G1: an object, or a run.
    boolean kmalloc(long size, int gfp) {
        return size > LARGEST_OBJECT ? pages(order(size), gfp)
                : slab(sizeClass((int) size), gfp);
    }

    /// I1 to I3: whether what kvmalloc gives is contiguous, without NOFAIL above a page.
    boolean contiguous(long size, int gfp) {
        return kmalloc(size, size > FRAME ? gfp & ~Gfp.NOFAIL : gfp);
    }

    /// I1, I3: whether there is a second way.
    static boolean mayMap(long size) {
        return size > FRAME;
    }

    /// H2: whether an area is had: it needs single frames, and nothing else helps.
    boolean mapped(int gfp) {
        return Gfp.has(gfp, Gfp.NOFAIL) || fromOrder > 0;
    }

    /// The smallest order of `size` bytes.
    static int order(long size) {
        return size <= FRAME ? 0 : Long.SIZE - Long.numberOfLeadingZeros((size - 1) / FRAME);
    }

    private static int preferred(int objectSize) {
        int wanted = Math.min(OBJECTS, (FRAME << PREFERRED) / objectSize);
        int k = order(objectSize);
        while ((FRAME << k) / objectSize < wanted) {
            k++;
        }
        return k;
    }

    /// G4: powers of two, and 96 and 192.
    private static int sizeClass(int size) {
        if ((size > 64 && size <= 96) || (size > 128 && size <= 192)) {
            return size <= 96 ? 96 : 192;
        }
        return Math.max(8, Integer.highestOneBit(Math.max(1, size - 1)) << 1);
    }
}
