package dev.polder.model;

import dev.polder.gfp.Gfp;
import dev.polder.model.ModelFrames.Placed;
import dev.polder.model.Program.Scope;
import dev.polder.model.Program.Step;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Areas as rows H1 to H12 and H16 have them, with two levels of page tables and a limit of
/// mappings.
///
/// Where an area lies is told, but not for one that failed: the model has the convention of the
/// real one, the lowest of the smallest gaps.
final class ModelAreas {
    /// One area: its first page of vmalloc space, its length in frames, and its runs in order.
    static final class Area implements Held {
        private final int first;
        private final int length;
        private List<Placed> runs = new ArrayList<>();
        private int mappings;

        private Area(int first, int length) {
            this.first = first;
            this.length = length;
        }

        private int pieces() {
            int pieces = 0;
            int next = -1;
            for (Placed run : runs) {
                pieces += run.pfn() == next ? 0 : 1;
                next = run.pfn() + (1 << run.order());
            }
            return pieces;
        }
    }

    /// The address space and the mappings that there are.
    record Limits(int pages, int mappings, int frames) {
    }

    private static final long FRAME = 4096;
    private static final int LARGEST = 10;
    /// From here the kernel maps a run by one large entry and does not insist on it (H8).
    private static final int LARGE = 9;
    /// Entries of a node.
    private static final int FAN = 512;
    private static final int ROOT = -1;

    private final Set<Mistake> mistakes;
    private final Limits limits;
    private final ModelPages pages;
    private final ModelFrames frames;
    private final ModelGroups groups;
    private final ModelScopes scopes;
    private final ModelCharges charges;
    private final ModelObjects objects;
    private final ModelTime time;
    private final BitSet space = new BitSet();
    private final BitSet entered = new BitSet();
    private final Map<Integer, Placed> nodes = new HashMap<>();
    private final List<Area> lazy = new ArrayList<>();
    private int mappings;

    ModelAreas(Limits limits, ModelPages pages, ModelFrames frames, ModelGroups groups,
            ModelScopes scopes, ModelCharges charges, ModelObjects objects, ModelTime time,
            Set<Mistake> mistakes) {
        this.limits = limits;
        this.pages = pages;
        this.frames = frames;
        this.groups = groups;
        this.scopes = scopes;
        this.charges = charges;
        this.objects = objects;
        this.time = time;
        this.mistakes = mistakes;
    }

    /// Frames of freed areas that are mapped still.
    long lazyFrames() {
        return lazy.stream().mapToLong(a -> a.length).sum();
    }

    /// vmalloc: an area, or null.
    @Nullable Area take(long size, int gfp) {
        Area area = find(size, gfp);
        long at = objects.nextAddress();
        if (area == null) {
            return null;
        }
        if (at != area.first * FRAME) {
            throw new AssertionError("an area lies at " + at + ", should lie at "
                    + area.first * FRAME);
        }
        return area;
    }

    private @Nullable Area find(long size, int gfp) {
        long wanted = (size + FRAME - 1) / FRAME;
        if (wanted == 0 || wanted >= limits.frames || wanted + 1 > limits.pages) {
            return null;
        }
        boolean direct = Gfp.has(gfp, Gfp.DIRECT_RECLAIM);
        boolean nofail = Gfp.has(gfp, Gfp.NOFAIL) && direct;
        Area area = reuse(wanted, gfp);
        while (area == null) {
            area = make((int) wanted, gfp, nofail);
            if (area == null) {
                if (!nofail || mistakes.contains(Mistake.AREA_NOFAIL_GIVES_UP)) {
                    return null;
                }
                waitATick();
                area = reuse(wanted, gfp);
            } else {
                payForHigh(gfp);
            }
        }
        return area;
    }

    /// Who asked with less than its caller's mask brings its group down with that mask.
    void payForHigh(int gfp) {
        int payer = scopes.payer(scopes.narrowed(gfp));
        if (payer >= 0 && !mistakes.contains(Mistake.HIGH_LEFT_TO_INNER_REQUESTS)) {
            charges.payForHigh(payer, scopes.narrowed(gfp));
        }
    }

    private void waitATick() {
        time.park(1);
        frames.scattered(false);
    }

    // ---- used again -----------------------------------------------------------------------------

    /// H12: the newest of that length that was freed, whose new user pays for it.
    private @Nullable Area reuse(long wanted, int gfp) {
        if (mistakes.contains(Mistake.LAZY_AREA_NOT_USED_AGAIN)) {
            return null;
        }
        for (int i = lazy.size() - 1; i >= 0; i--) {
            Area area = lazy.get(i);
            if (area.length == wanted) {
                lazy.remove(i);
                if (pay(area, gfp)) {
                    return area;
                }
                lazy.add(area);
                return null;
            }
        }
        return null;
    }

    private boolean pay(Area area, int gfp) {
        int payer = scopes.payer(scopes.narrowed(gfp));
        if (payer < 0 || mistakes.contains(Mistake.AREA_USED_AGAIN_FOR_NOTHING)) {
            return true;
        }
        List<Placed> paid = new ArrayList<>();
        for (Placed run : area.runs) {
            if (!charges.charge(payer, run.order(), scopes.narrowed(gfp))) {
                paid.forEach(p -> groups.charge(payer, -(1L << p.order())));
                return false;
            }
            paid.add(new Placed(run.pfn(), run.order(), payer));
        }
        area.runs = paid;
        return true;
    }

    private void takeChargeOff(Area area) {
        if (mistakes.contains(Mistake.LAZY_AREA_STAYS_CHARGED)) {
            return;
        }
        List<Placed> free = new ArrayList<>();
        for (Placed run : area.runs) {
            if (run.payer() >= 0) {
                groups.charge(run.payer(), -(1L << run.order()));
            }
            free.add(new Placed(run.pfn(), run.order(), -1));
        }
        area.runs = free;
    }

    /// Freed lazily; on a thread in reclaim as many frames are given back, of the oldest.
    void free(Area area) {
        takeChargeOff(area);
        lazy.add(area);
        if (scopes.inReclaim()) {
            purge(area.length);
        }
    }

    // ---- made anew ------------------------------------------------------------------------------

    /// All that a try needs, or null and nothing kept.
    private @Nullable Area make(int wanted, int gfp, boolean nofail) {
        int guard = mistakes.contains(Mistake.AREA_WITHOUT_GUARD) ? 0 : 1;
        int first = gap(wanted + guard);
        if (first < 0 && mayPurge(gfp)) {
            purgeAll();
            first = gap(wanted + guard);
        }
        if (first < 0) {
            return null;
        }
        Area area = new Area(first, wanted);
        space.set(first, first + wanted + guard);
        if (takeFrames(area, gfp) && reserve(area, gfp) && enterTable(area, gfp, nofail)) {
            return area;
        }
        takeBack(area);
        return null;
    }

    private boolean mayPurge(int gfp) {
        return Gfp.has(gfp, Gfp.DIRECT_RECLAIM)
                || mistakes.contains(Mistake.PURGED_FOR_WHO_MAY_NOT_BLOCK);
    }

    /// The lowest of the smallest gaps that hold `n` pages, or -1.
    private int gap(int n) {
        int best = -1;
        int bestLength = Integer.MAX_VALUE;
        for (int at = space.nextClearBit(0); at < limits.pages;) {
            int end = space.nextSetBit(at);
            end = end < 0 ? limits.pages : end;
            if (end - at >= n && end - at < bestLength) {
                best = at;
                bestLength = end - at;
            }
            at = space.nextClearBit(end);
        }
        return best;
    }

    /// H2, H8, H9: larger runs only where they lie free, single frames with the whole effort.
    private boolean takeFrames(Area area, int gfp) {
        int order = LARGEST;
        int got = 0;
        while (got < area.length) {
            while (1 << order > area.length - got) {
                order--;
            }
            int mask = mistakes.contains(Mistake.AREA_FRAMES_WARN) ? gfp : gfp | Gfp.NOWARN;
            if (order >= LARGE && !mistakes.contains(Mistake.LARGE_RUN_INSISTED_ON)) {
                mask &= ~Gfp.NOFAIL;
            }
            Placed run = order > 0 ? pages.tryRequest(order, mask) : pages.request(0, mask);
            if (run != null) {
                area.runs.add(run);
                got += 1 << order;
            } else if (order == 0) {
                return false;
            } else {
                order--;
            }
        }
        return true;
    }

    /// A mapping for each piece and one for the gap behind.
    private boolean reserve(Area area, int gfp) {
        int n = area.pieces() + 1;
        boolean got = mappings + n <= limits.mappings
                || mistakes.contains(Mistake.MAPPINGS_WITHOUT_LIMIT);
        if (!got && mayPurge(gfp) && !lazy.isEmpty()) {
            purgeAll();
            got = mappings + n <= limits.mappings;
        }
        area.mappings = got ? n : 0;
        mappings += area.mappings;
        return got;
    }

    /// H3, H4, H7, H8.
    private boolean enterTable(Area area, int gfp, boolean nofail) {
        boolean again = area.runs.stream().anyMatch(r -> r.order() >= LARGE);
        while (true) {
            if (enterTable(area, gfp)) {
                return true;
            }
            if (nofail && !mistakes.contains(Mistake.TABLE_GIVES_UP_DESPITE_NOFAIL)) {
                waitATick();
            } else if (again) {
                again = false;
            } else {
                return false;
            }
        }
    }

    private boolean enterTable(Area area, int gfp) {
        Scope scope = scopeFor(gfp);
        if (scope != null) {
            scopes.open(new Step.Open(scope, 0));
        }
        boolean all = true;
        for (int page = area.first; all && page < area.first + area.length; page++) {
            all = wayTo(page / FAN, gfp);
            if (all) {
                entered.set(page);
            }
        }
        if (scope != null) {
            scopes.close();
        }
        return all;
    }

    /// The nodes that are missing, the upper one first: reclaim may have given that up meanwhile.
    private boolean wayTo(int leaf, int gfp) {
        while (!nodes.containsKey(ROOT) || !nodes.containsKey(leaf)) {
            int mask = mistakes.contains(Mistake.TABLE_GETS_THE_MASK) ? gfp : Gfp.KERNEL;
            Placed node = pages.request(0, mask | Gfp.ZERO,
                    mistakes.contains(Mistake.TABLE_IS_CHARGED));
            if (node == null) {
                return false;
            }
            nodes.put(nodes.containsKey(ROOT) ? leaf : ROOT, node);
        }
        return true;
    }

    /// H4, and for FS without IO, which the kernel does not recognise (H5), NOIO.
    private @Nullable Scope scopeFor(int gfp) {
        if (mistakes.contains(Mistake.TABLE_WITHOUT_SCOPE)) {
            return null;
        }
        boolean early = Gfp.has(gfp, Gfp.NORETRY) || Gfp.has(gfp, Gfp.RETRY_MAYFAIL);
        if (!Gfp.has(gfp, Gfp.DIRECT_RECLAIM)
                || (early && !mistakes.contains(Mistake.TABLE_RECLAIMS_DESPITE_NORETRY))) {
            return Scope.NORECLAIM;
        }
        boolean io = Gfp.has(gfp, Gfp.IO) || (Gfp.has(gfp, Gfp.FS)
                && mistakes.contains(Mistake.TABLE_FORGETS_FS_WITHOUT_IO));
        return !io ? Scope.NOIO : Gfp.has(gfp, Gfp.FS) ? null : Scope.NOFS;
    }

    // ---- taken back -----------------------------------------------------------------------------

    private void takeBack(Area area) {
        clear(area.first, area.length);
        if (mistakes.contains(Mistake.HALF_AN_AREA_KEEPS_ITS_FRAMES)) {
            area.runs.clear();
        }
        for (Placed run : area.runs) {
            if (run.payer() >= 0) {
                groups.charge(run.payer(), -(1L << run.order()));
            }
            frames.give(run);
        }
        if (!mistakes.contains(Mistake.HALF_AN_AREA_KEEPS_ITS_PLACE)) {
            giveUp(area);
        }
    }

    private void giveUp(Area area) {
        mappings -= area.mappings;
        int guard = mistakes.contains(Mistake.AREA_WITHOUT_GUARD) ? 0 : 1;
        space.clear(area.first, area.first + area.length + guard);
    }

    /// Entries go, and the nodes that are empty then: the uppermost first.
    private void clear(int first, int length) {
        int end = first + length;
        for (int from = first; from < end; from = Math.min(end, (from / FAN + 1) * FAN)) {
            int leaf = from / FAN;
            entered.clear(from, Math.min(end, (leaf + 1) * FAN));
            int next = entered.nextSetBit(leaf * FAN);
            if (next < 0 || next >= (leaf + 1) * FAN) {
                if (entered.isEmpty()) {
                    drop(ROOT);
                }
                drop(leaf);
            }
        }
    }

    private void drop(int which) {
        Placed node = nodes.remove(which);
        if (node != null) {
            frames.give(node);
        }
    }

    /// H11: all of them, outside reclaim: single runs go to the lists near threads.
    private void purgeAll() {
        frames.scattered(true);
        purge(Long.MAX_VALUE);
    }

    /// Freed areas are unmapped, the oldest first, until `wanted` frames are free.
    void purge(long wanted) {
        long freed = 0;
        while (freed < wanted && !lazy.isEmpty()) {
            Area area = mistakes.contains(Mistake.NEWEST_AREA_PURGED_FIRST) ? lazy.removeLast()
                    : lazy.removeFirst();
            int at = area.first;
            for (Placed run : area.runs) {
                clear(at, 1 << run.order());
                frames.give(run);
                at += 1 << run.order();
            }
            giveUp(area);
            freed += area.length;
        }
    }

    /// What can be seen of an area: its frames.
    static String describe(Area area) {
        List<Long> all = new ArrayList<>();
        for (Placed run : area.runs) {
            for (long pfn = run.pfn(); pfn < run.pfn() + (1L << run.order()); pfn++) {
                all.add(pfn);
            }
        }
        return Outcome.pieces(all);
    }
}
