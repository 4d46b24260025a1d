package dev.polder.model;

import dev.polder.gfp.Gfp;
import dev.polder.model.ModelFrames.Placed;
import dev.polder.model.ModelFrames.Reach;
import dev.polder.model.Outcome.Request;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The page allocator as rows B5, C2 to C8 and D1 to D20 have it.
final class ModelPages {
    private static final int MAX_ORDER = 10;
    private static final int COSTLY = 3;
    private static final int RETRIES = 16;
    /// Rounds of one request that no model gets to, if it makes no mistake.
    private static final int ENDLESS = 100_000;

    private final Set<Mistake> mistakes;
    private final long min;
    private final long low;
    private final long high;
    private final ModelFrames frames;
    private final ModelGroups groups;
    private final ModelScopes scopes;
    private final ModelReclaim reclaim;
    private final ModelCharges charges;
    private final ModelTime time;
    private List<Request> requests = new ArrayList<>();

    ModelPages(Marks marks, ModelFrames frames, ModelGroups groups, ModelScopes scopes,
            ModelReclaim reclaim, ModelCharges charges, ModelTime time, Set<Mistake> mistakes) {
        this.min = marks.min;
        this.low = marks.low;
        this.high = marks.high;
        this.frames = frames;
        this.groups = groups;
        this.scopes = scopes;
        this.reclaim = reclaim;
        this.charges = charges;
        this.time = time;
        this.mistakes = mistakes;
    }

    /// The pool's marks, in frames.
    record Marks(long min, long low, long high) {
    }

    /// Where requests are written down from now on.
    void requests(List<Request> requests) {
        this.requests = requests;
    }

    /// A request for a run that its requester pays for.
    @Nullable Placed request(int order, int gfp) {
        return request(order, gfp, true);
    }

    /// A request; what Polder takes for itself is charged to nobody.
    @Nullable Placed request(int order, int gfp, boolean charged) {
        frames.requireSure(order, low);
        int mask = scopes.narrowed(gfp);
        Placed run = order > MAX_ORDER ? null : served(order, mask, charged);
        requests.add(new Request(order, gfp, mask, run != null));
        return run;
    }

    private @Nullable Placed served(int order, int mask, boolean charged) {
        int requester = scopes.payer(mask);
        int payer = charged ? requester : -1;
        if (payer >= 0 && !charges.charge(payer, order, mask)) {
            return null;
        }
        Reach reach = take(order, mask, requester);
        if (reach == null && payer >= 0 && !mistakes.contains(Mistake.FAILED_CHARGE_STAYS)) {
            groups.charge(payer, -(1L << order));
        }
        return reach == null ? null : frames.place(order, reach, payer);
    }

    /// One attempt without any effort (H9); nobody hears of it if it fails.
    @Nullable Placed tryRequest(int order, int gfp) {
        frames.requireSure(order, low);
        int mask = scopes.narrowed(gfp);
        int payer = scopes.payer(mask);
        if (payer >= 0
                && !charges.charge(payer, order, mask & ~(Gfp.DIRECT_RECLAIM | Gfp.NOFAIL))) {
            return null;
        }
        if (!frames.passes(order, low, Reach.ORDINARY) || frames.goesElsewhere(order)) {
            if (payer >= 0) {
                groups.charge(payer, -(1L << order));
            }
            return null;
        }
        requests.add(new Request(order, gfp, mask, true));
        return frames.place(order, Reach.ORDINARY, payer);
    }

    private static boolean direct(int mask) {
        return Gfp.has(mask, Gfp.DIRECT_RECLAIM);
    }

    /// C4, C5.
    private long minFor(int mask) {
        boolean bonus = !direct(mask) && (!Gfp.has(mask, Gfp.NOMEMALLOC)
                || mistakes.contains(Mistake.BONUS_DESPITE_NOMEMALLOC));
        boolean reduced = Gfp.has(mask, Gfp.HIGH)
                && !mistakes.contains(Mistake.HIGH_WITHOUT_REDUCTION);
        long mark = mistakes.contains(Mistake.LOW_AT_THE_SLOW_PATH) ? low : min;
        if (reduced) {
            mark -= mark / 2;
        }
        if (bonus && (reduced || mistakes.contains(Mistake.BONUS_FOR_NOWAIT))) {
            mark -= mark / 4;
        }
        return mark;
    }

    /// C2, C6: HIGH and those who may not block count what is kept; an atomic order above 0 may
    /// have it.
    private static Reach reach(int order, int mask) {
        boolean atomic = !direct(mask) && !Gfp.has(mask, Gfp.NOMEMALLOC);
        if (atomic && Gfp.has(mask, Gfp.HIGH) && order > 0) {
            return Reach.ATOMIC;
        }
        return atomic || Gfp.has(mask, Gfp.HIGH) ? Reach.RESERVES : Reach.ORDINARY;
    }

    private @Nullable Reach fast(int order, Reach reach) {
        if (!frames.passes(order, low, Reach.ORDINARY)) {
            return null;
        }
        return mistakes.contains(Mistake.KEPT_AT_THE_LOW_MARK) ? reach : Reach.ORDINARY;
    }

    /// D1–D20; how the run is to be taken, or null for none.
    private @Nullable Reach take(int order, int mask, int payer) {
        long mark = minFor(mask);
        Reach reach = reach(order, mask);
        Reach fast = fast(order, reach);
        if (fast != null || frames.passes(order, mark, reach)) {
            return fast != null ? fast : reach;
        }
        boolean nofail = Gfp.has(mask, Gfp.NOFAIL)
                && (direct(mask) || mistakes.contains(Mistake.NOFAIL_WITHOUT_DIRECT_WAITS));
        int fruitless = 0;
        for (int round = 0; round < ENDLESS; round++) {
            boolean whole = ignoresMarks(mask);
            if (frames.passes(order, whole ? -1 : mark, whole ? Reach.RESERVES : reach)) {
                return whole ? Reach.RESERVES : reach;
            }
            if (direct(mask) && !scopes.noreclaim()) {
                frames.capture(order, mark);
                long freed = reclaim.direct(mask, -1);
                if (frames.endCapture()) {
                    return Reach.ORDINARY;
                }
                if (frames.passes(order, mark, reach)) {
                    return reach;
                }
                if (freed > 0 && frames.giveBack(false) && frames.passes(order, mark, reach)) {
                    return reach;
                }
                fruitless = freed > 0 && order <= COSTLY ? 0 : fruitless + 1;
                if (mayRetry(order, mask)) {
                    if (worthIt(order, mark, reach, fruitless)) {
                        continue;
                    }
                    Reach end = endOfTheRoad(order, mask, payer);
                    if (end != null) {
                        return end;
                    }
                    if (goesOn(order, mask, payer)) {
                        fruitless = 0;
                        time.park(1);
                        continue;
                    }
                }
            }
            if (!nofail || (mistakes.contains(Mistake.NOFAIL_GIVES_UP_WITH_NORETRY)
                    && Gfp.has(mask, Gfp.NORETRY))) {
                return null;
            }
            if (!mistakes.contains(Mistake.NOFAIL_WITHOUT_HALF_RESERVE)
                    && frames.passes(order, min - min / 2, Reach.RESERVES)) {
                return Reach.RESERVES;
            }
            time.park(1);
        }
        throw new ModelTime.Waits();
    }

    /// C7, A10.
    private boolean ignoresMarks(int mask) {
        boolean scope = scopes.noreclaim() && !mistakes.contains(Mistake.SCOPE_WITHOUT_RESERVE);
        return (Gfp.has(mask, Gfp.MEMALLOC) || scope) && (!Gfp.has(mask, Gfp.NOMEMALLOC)
                || mistakes.contains(Mistake.MEMALLOC_BEATS_NOMEMALLOC));
    }

    /// D9, D10.
    private boolean mayRetry(int order, int mask) {
        boolean mayfail = Gfp.has(mask, Gfp.RETRY_MAYFAIL);
        if (Gfp.has(mask, Gfp.NORETRY) && !mistakes.contains(Mistake.NORETRY_RETRIES)
                && !(mayfail && mistakes.contains(Mistake.RETRY_MAYFAIL_BEATS_NORETRY))) {
            return false;
        }
        int costly = mistakes.contains(Mistake.COSTLY_FROM_ORDER_3) ? COSTLY - 1 : COSTLY;
        return order <= costly || mayfail || mistakes.contains(Mistake.COSTLY_RETRIES);
    }

    /// D11, and C6's last sentence.
    private boolean worthIt(int order, long mark, Reach reach, int fruitless) {
        int most = mistakes.contains(Mistake.FIFTEEN_ROUNDS) ? RETRIES - 1 : RETRIES;
        long all = frames.free() + reclaim.reclaimable();
        boolean attainable = frames.left(all, order, reach) > mark
                || mistakes.contains(Mistake.HOPELESS_ROUNDS_GO_ON);
        return (fruitless <= most && attainable) || frames.giveBack(true);
    }

    private boolean mayFailGroups(int mask) {
        boolean fs = Gfp.has(mask, Gfp.FS) || mistakes.contains(Mistake.NOFS_GIVES_UP);
        return fs && (!scopes.excludesAny() || mistakes.contains(Mistake.EXCLUSION_GIVES_UP));
    }

    private boolean mayComeToTheEnd(int order, int mask) {
        return order <= COSTLY && (!Gfp.has(mask, Gfp.RETRY_MAYFAIL)
                || mistakes.contains(Mistake.FAILED_FOR_RETRY_MAYFAIL));
    }

    /// D14, D18: one more attempt at high; without any mark for NOFAIL once nothing else is left.
    private @Nullable Reach endOfTheRoad(int order, int mask, int payer) {
        if (frames.passes(order, high, Reach.ORDINARY)) {
            return Reach.ORDINARY;
        }
        if (!mayComeToTheEnd(order, mask) || !Gfp.has(mask, Gfp.NOFAIL)) {
            return null;
        }
        if (mayFailGroups(mask)) {
            groups.makeWay(0, Math.max(0, payer), time.ticks());
        }
        return frames.passes(order, -1, Reach.RESERVES) ? Reach.RESERVES : null;
    }

    /// D15, D16: whether others can be waited for. NOFAIL has chosen whom already.
    private boolean goesOn(int order, int mask, int payer) {
        if (!mayComeToTheEnd(order, mask)) {
            return false;
        }
        return !mayFailGroups(mask) || Gfp.has(mask, Gfp.NOFAIL)
                || groups.makeWay(0, Math.max(0, payer), time.ticks());
    }
}
