package dev.polder.model;

import dev.polder.gfp.Gfp;
import dev.polder.model.ModelFrames.Placed;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Objects as rows A9, G1, G2, G4 and ADR 0008 have them, in a pool that keeps none near threads
/// and no empty slab: the state to which recalling everything brings the real one.
///
/// Which free object is handed out is the real allocator's own choice; the model is told, and
/// checks that the object was free and lies as row G4 says. A request for a slab is made if and
/// only if no slab of the class has a free object.
final class ModelObjects {
    /// An object in use, and the group that pays for it, or -1.
    record Obj(Slab slab, int index, int payer) implements Held {
        long address() {
            return slab.start() + (long) index * slab.home.size;
        }
    }

    /// A slab.
    static final class Slab {
        private final SizeClass home;
        private final Placed run;
        private final BitSet used = new BitSet();

        private Slab(SizeClass home, Placed run) {
            this.home = home;
            this.run = run;
        }

        SizeClass home() {
            return home;
        }

        private boolean isFull() {
            return used.cardinality() == (FRAME << run.order()) / home.size;
        }

        private long start() {
            return run.pfn() * FRAME;
        }
    }

    /// All objects of one size.
    static final class SizeClass {
        final int size;
        final int order;
        final int minOrder;
        final List<Slab> slabs = new ArrayList<>();
        /// Objects freed so far.
        long frees;

        SizeClass(int size) {
            this.size = size;
            this.minOrder = size > FRAME ? 1 : 0;
            int k = minOrder;
            while (k < COSTLY && (FRAME << k) / size < PREFERRED_OBJECTS) {
                k++;
            }
            this.order = k;
        }
    }

    private static final long FRAME = 4096;
    private static final int COSTLY = 3;
    /// Objects that a preferred slab has, if that takes no costly order.
    private static final int PREFERRED_OBJECTS = 16;
    private static final int[] SIZES =
            {8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192};

    private final Set<Mistake> mistakes;
    private final ModelPages pages;
    private final ModelFrames frames;
    private final ModelScopes scopes;
    private final ModelCharges charges;
    private final List<SizeClass> classes = new ArrayList<>();
    private Deque<Long> addresses = new ArrayDeque<>();

    ModelObjects(ModelPages pages, ModelFrames frames, ModelScopes scopes, ModelCharges charges,
            Set<Mistake> mistakes) {
        this.pages = pages;
        this.frames = frames;
        this.scopes = scopes;
        this.charges = charges;
        this.mistakes = mistakes;
        for (int size : SIZES) {
            classes.add(new SizeClass(size));
        }
    }

    /// The addresses that the real allocators chose in the step that begins, in order.
    void places(List<Long> told) {
        addresses = new ArrayDeque<>(told);
    }

    /// The next address that the model was told; -1: none was handed out, also because the request
    /// waits for ever.
    long nextAddress() {
        Long next = addresses.poll();
        return next == null ? -1 : next;
    }

    /// The largest size that has a class: two pages (G4).
    private long largest() {
        return mistakes.contains(Mistake.LARGE_ABOVE_A_PAGE) ? FRAME : SIZES[SIZES.length - 1];
    }

    /// kmalloc: an object, a run of pages above the largest class, or null.
    @Nullable Held kmalloc(long size, long alignment, int gfp) {
        if (size == 0 && !mistakes.contains(Mistake.NOTHING_IS_A_SHORTAGE)) {
            nextAddress();
            return new Held.Nothing();
        }
        if (size > largest() || alignment > largest()) {
            Placed run = pages.request(orderOf(Math.max(size, alignment)), gfp);
            long at = nextAddress();
            if (run != null && at != run.pfn() * FRAME) {
                throw new AssertionError("a large object lies at " + at + " and not in its run");
            }
            return run;
        }
        SizeClass c = classOf(size, alignment);
        long at = nextAddress();
        Obj o = take(c, at, gfp);
        return o == null ? null : placed(o, at, alignment);
    }

    private SizeClass classOf(long size, long alignment) {
        for (SizeClass c : classes.subList(0, SIZES.length)) {
            if (c.size >= size && Integer.lowestOneBit(c.size) >= alignment) {
                return c;
            }
        }
        throw new AssertionError("no class for " + size);
    }

    static int orderOf(long size) {
        int order = 0;
        while (FRAME << order < size) {
            order++;
        }
        return order;
    }

    /// The room that what was taken has; -1 where nobody can say.
    long usable(Held what) {
        return switch (what) {
            case Obj o -> o.slab.home.size;
            case Placed run -> FRAME << run.order();
            case Held.Nothing _ -> 0;
            case ModelAreas.Area _ -> -1;
        };
    }

    /// An object of a class, or null. It is the one at `at` if that is one of those that are free.
    @Nullable Obj take(SizeClass c, long at, int gfp) {
        List<Slab> open = c.slabs.stream().filter(s -> !s.isFull()).toList();
        if (open.isEmpty()) {
            Slab fresh = newSlab(c, gfp);
            if (fresh != null) {
                c.slabs.add(fresh);
            }
            // Others may have freed some meanwhile.
            open = fresh != null ? List.of(fresh)
                    : c.slabs.stream().filter(s -> !s.isFull()).toList();
        }
        if (open.isEmpty()) {
            return null;
        }
        long before = c.frees;
        Obj o = choose(c, open, at);
        o.slab.used.set(o.index);
        int payer = mistakes.contains(Mistake.OBJECTS_PAID_BY_NOBODY) ? -1 : scopes.payer(gfp);
        if (payer < 0 || charges.chargeObject(payer, c.size, scopes.narrowed(gfp))) {
            return new Obj(o.slab, o.index, payer);
        }
        if (open.size() > 1 && c.frees > before) {
            // Others of its class came free meanwhile: what that brings depends on where it lay.
            throw new Unsure();
        }
        // Its slab stays, empty or not, until the threads' caches are recalled or reclaim comes.
        o.slab.used.clear(o.index);
        return null;
    }

    private static Obj choose(SizeClass c, List<Slab> open, long at) {
        for (Slab s : open) {
            long offset = at - s.start();
            if (offset >= 0 && offset < FRAME << s.run.order()
                    && !s.used.get((int) (offset / c.size))) {
                return new Obj(s, (int) (offset / c.size), -1);
            }
        }
        return new Obj(open.getFirst(), open.getFirst().used.nextClearBit(0), -1);
    }

    /// The object, if it is the one that was told and lies as row G4 says.
    private Obj placed(Obj o, long at, long alignment) {
        int size = o.slab.home.size;
        long natural = Integer.bitCount(size) == 1 ? size : 8;
        long expected = mistakes.contains(Mistake.ALIGNED_TO_THE_NEXT_POWER)
                ? Long.highestOneBit(2L * size - 1) : Math.max(natural, alignment);
        if (o.address() != at || at % expected != 0) {
            throw new AssertionError("no object of " + size + " bytes is free at " + at
                    + " on a multiple of " + expected);
        }
        return o;
    }

    /// The same object, for which nobody pays any longer.
    Obj unpaid(Obj o) {
        if (o.payer >= 0) {
            charges.uncharge(o.payer, o.slab.home.size);
        }
        return new Obj(o.slab, o.index, -1);
    }

    /// G2: first the preferred order without effort, then the smallest with the caller's mask, of
    /// which a slab takes what a metadata allocation takes (A9).
    private @Nullable Slab newSlab(SizeClass c, int gfp) {
        int mask = mistakes.contains(Mistake.SLAB_TAKES_THE_WHOLE_MASK) ? gfp
                : gfp & ~(Gfp.ZERO | Gfp.ACCOUNT);
        int easy = mask | Gfp.NOWARN | Gfp.NORETRY;
        if (!mistakes.contains(Mistake.SLAB_INSISTS_ON_ITS_ORDER)) {
            easy &= ~Gfp.NOFAIL;
        }
        if (Gfp.has(mask, Gfp.DIRECT_RECLAIM) && c.order > c.minOrder
                && !mistakes.contains(Mistake.SLAB_RECLAIMS_FOR_ITS_ORDER)) {
            easy = (easy | Gfp.NOMEMALLOC) & ~Gfp.RECLAIM;
        }
        boolean charged = mistakes.contains(Mistake.SLAB_PAID_BY_THE_FIRST);
        Placed run = pages.request(c.order, easy, charged);
        if (run == null && !mistakes.contains(Mistake.SLAB_TRIES_ONCE)) {
            run = pages.request(c.minOrder, mask, charged);
        }
        return run == null ? null : new Slab(c, run);
    }

    /// Frames of slabs without an object in use.
    long emptyFrames() {
        long sum = 0;
        for (SizeClass c : classes) {
            for (Slab s : c.slabs) {
                sum += s.used.isEmpty() ? 1L << s.run.order() : 0;
            }
        }
        return sum;
    }

    /// Slabs without an object in use are given back.
    void giveEmptyBack() {
        for (SizeClass c : classes) {
            for (Slab s : List.copyOf(c.slabs)) {
                if (s.used.isEmpty() && !mistakes.contains(Mistake.EMPTY_SLAB_STAYS)) {
                    c.slabs.remove(s);
                    frames.give(s.run);
                }
            }
        }
    }

    /// A class of its own.
    SizeClass newClass(int size) {
        SizeClass c = new SizeClass(size);
        classes.add(c);
        return c;
    }

    /// An object is free again, and its slab's frames if it was the last.
    void free(Obj o) {
        Slab slab = o.slab;
        slab.home.frees++;
        slab.used.clear(o.index);
        unpaid(o);
        if (slab.used.isEmpty() && !mistakes.contains(Mistake.EMPTY_SLAB_STAYS)) {
            slab.home.slabs.remove(slab);
            frames.give(slab.run);
        }
    }
}
