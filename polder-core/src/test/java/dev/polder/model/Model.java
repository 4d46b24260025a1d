package dev.polder.model;

import dev.polder.gfp.Gfp;
import dev.polder.model.ModelFrames.Placed;
import dev.polder.model.ModelFrames.Reach;
import dev.polder.model.Outcome.Call;
import dev.polder.model.Outcome.Request;
import dev.polder.model.Outcome.Result;
import dev.polder.model.Outcome.State;
import dev.polder.model.Program.Step;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// What rows B5, C2 to C8, D1 to D20, E1, E10 to E12, F1 to F9 and G5 say about single-threaded
/// programs with memory groups, in which background reclaim is a step: written from the rows'
/// sentences and the records of decisions, on a set of free frames.
///
/// It can be told to be wrong in one way, to show that a comparison notices.
final class Model implements ModelReclaim.Host {
    private static final int MAX_ORDER = 10;
    private static final int COSTLY = 3;
    private static final int RETRIES = 16;
    /// Parks without a frame freed after which a request waits for ever: more than it takes to
    /// fail every group there is.
    static final int ENOUGH = 250;
    /// Callbacks of one step after which it waits for ever as soon as it parks: enough is seen.
    static final int MANY_CALLS = 5_000;
    /// Rounds of one request that no model gets to, if it makes no mistake.
    private static final int ENDLESS = 100_000;
    /// `MEMCG_DELAY_PRECISION_SHIFT`, `MEMCG_DELAY_SCALING_SHIFT`, HZ, and the kernel's bounds: the
    /// sleep of one who charged a group above its `high`.
    private static final int PRECISION = 20;
    private static final int SCALING = 14;
    private static final long HZ = 250;
    private static final long CHARGE_BATCH = 64;
    private static final long MOST_OVER = 16L << PRECISION;

    /// The request waits for others, without an end that it could reach itself.
    private static final class Waits extends RuntimeException {
        private static final long serialVersionUID = 1;

        Waits() {
            super("waits for ever", null, false, false);
        }
    }

    private final Set<Mistake> mistakes;
    private final long min;
    private final long low;
    private final long high;
    private final long slack;
    private final ModelFrames frames;
    private final ModelGroups groups;
    private final ModelScopes scopes;
    private final ModelReclaim reclaim;
    private final List<Placed> kept = new ArrayList<>();
    private List<Request> requests = new ArrayList<>();
    private long ticks;
    private List<Call> calls = new ArrayList<>();
    private int parks;

    /// A pool with those marks, whose clock moves `slack` ticks at least when a thread parks.
    Model(Program program, int count, long min, long low, long high, long slack,
            Mistake... mistakes) {
        this.mistakes = Set.of(mistakes);
        this.min = min;
        this.low = low;
        this.high = high;
        this.slack = slack;
        this.frames = new ModelFrames(count, this.mistakes);
        this.groups = new ModelGroups(Program.PARENTS, this.mistakes);
        this.scopes = new ModelScopes(this.mistakes);
        this.reclaim = new ModelReclaim(program.shrinkers(), groups, frames, scopes, min, this,
                this.mistakes);
    }

    /// Runs one step; `placed` are the runs that the real allocator chose in it, in order.
    Outcome run(Step step, List<Long> placed) {
        frames.places(placed);
        calls = new ArrayList<>();
        reclaim.calls(calls);
        requests = new ArrayList<>();
        parks = 0;
        Result result;
        try {
            result = perform(step);
        } catch (Waits w) {
            result = Result.WAITS;
        }
        State after = new State(frames.free(), frames.kept(), reclaim.deferred(),
                groups.charges(), groups.failures());
        return new Outcome(result, requests, calls, after);
    }

    private Result perform(Step step) {
        switch (step) {
            case Step.Alloc a -> {
                Placed run = request(a.order(), a.gfp());
                if (run != null) {
                    kept.add(run);
                }
                return run == null ? Result.FAILED : Result.GOT;
            }
            case Step.Grow g -> {
                return grow(g);
            }
            case Step.Hold h -> {
                for (int i = 0; i < h.blocks(); i++) {
                    request(MAX_ORDER, Gfp.NOWAIT);
                }
            }
            case Step.Free f -> {
                if (!kept.isEmpty()) {
                    free(kept.remove(f.which() % kept.size()));
                }
            }
            case Step.Open o -> scopes.open(o);
            case Step.Close _ -> scopes.close();
            case Step.Limit l -> groups.limit(l.group(), l.kind(), l.frames());
            case Step.Reset r -> groups.reset(r.group());
            case Step.Background b -> reclaim.background(b.order(), low, high);
        }
        return Result.NONE;
    }

    private Result grow(Step.Grow g) {
        Result result = Result.NONE;
        for (int i = 0; i < g.objects() && result != Result.FAILED; i++) {
            Placed run = request(reclaim.consumer(g.consumer()).order(), g.gfp());
            result = run == null ? Result.FAILED : Result.GOT;
            if (run != null) {
                reclaim.add(g.consumer(), run, Math.max(0, scopes.payer(g.gfp())));
            }
        }
        return result;
    }

    @Override
    public void free(Placed run) {
        parks = 0;
        if (run.payer() >= 0 && !mistakes.contains(Mistake.FREED_STAYS_CHARGED)) {
            groups.charge(run.payer(), -(1L << run.order()));
        }
        frames.give(run);
    }

    @Override
    public void allocate() {
        Placed run = request(0, Gfp.KERNEL);
        if (run != null) {
            kept.add(run);
        }
    }

    @Override
    public void park(long time) {
        ticks += Math.max(time, slack);
        if (++parks > ENOUGH || calls.size() > MANY_CALLS) {
            throw new Waits();
        }
    }

    // ---- one request ----------------------------------------------------------------------------

    private @Nullable Placed request(int order, int gfp) {
        int mask = scopes.narrowed(gfp);
        Placed run = order > MAX_ORDER ? null : charged(order, mask);
        requests.add(new Request(order, gfp, mask, run != null));
        return run;
    }

    private @Nullable Placed charged(int order, int mask) {
        int payer = scopes.payer(mask);
        if (payer >= 0 && !charge(payer, order, mask)) {
            return null;
        }
        Reach reach = take(order, mask, payer);
        if (reach == null && payer >= 0 && !mistakes.contains(Mistake.FAILED_CHARGE_STAYS)) {
            groups.charge(payer, -(1L << order));
        }
        return reach == null ? null : frames.place(order, reach, payer);
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
                        park(1);
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
            park(1);
        }
        throw new Waits();
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
            groups.makeWay(0, Math.max(0, payer), ticks);
        }
        return frames.passes(order, -1, Reach.RESERVES) ? Reach.RESERVES : null;
    }

    /// D15, D16: whether others can be waited for. NOFAIL has chosen whom already.
    private boolean goesOn(int order, int mask, int payer) {
        if (!mayComeToTheEnd(order, mask)) {
            return false;
        }
        return !mayFailGroups(mask) || Gfp.has(mask, Gfp.NOFAIL)
                || groups.makeWay(0, Math.max(0, payer), ticks);
    }

    // ---- charging -------------------------------------------------------------------------------

    private boolean charge(int payer, int order, int mask) {
        int refuser = groups.tryCharge(payer, 1L << order);
        if (refuser >= 0 && !chargeAgainst(payer, refuser, order, mask)) {
            return false;
        }
        for (int g = payer; g >= 0; g = groups.parent(g)) {
            boolean may = direct(mask) || mistakes.contains(Mistake.HIGH_WITHOUT_DIRECT_RECLAIMS);
            if (groups.charged(g) > groups.high(g) && may && !scopes.noreclaim()) {
                bringDown(g, groups.owe(g, 1L << order), mask);
            }
        }
        return true;
    }

    /// G5: who may exceed a limit that reclaim could not keep.
    private boolean chargeAgainst(int payer, int first, int order, int mask) {
        int refuser = first;
        boolean inReclaim = scopes.noreclaim();
        if (!inReclaim && direct(mask) && !groups.failed(first)
                && !mistakes.contains(Mistake.LIMIT_WITHOUT_RECLAIM)) {
            refuser = reclaimAndCharge(payer, first, order, mask);
        }
        if (refuser < 0) {
            return true;
        }
        boolean high = Gfp.has(mask, Gfp.HIGH) && !mistakes.contains(Mistake.HIGH_BIT_KEEPS_TO_MAX)
                && (!groups.failed(refuser)
                || mistakes.contains(Mistake.HIGH_BIT_PAYS_THOUGH_FAILED));
        boolean nofail = Gfp.has(mask, Gfp.NOFAIL)
                && !mistakes.contains(Mistake.NOFAIL_KEEPS_TO_MAX);
        if ((inReclaim && !mistakes.contains(Mistake.RECLAIM_KEEPS_TO_MAX)) || nofail || high) {
            groups.charge(payer, 1L << order);
            return true;
        }
        return false;
    }

    /// -1 if charged, else the group that refused last.
    private int reclaimAndCharge(int payer, int first, int order, int mask) {
        int refuser = first;
        int fruitless = 0;
        while (true) {
            long freed = reclaim.direct(mask, refuser);
            refuser = groups.tryCharge(payer, 1L << order);
            fruitless = freed > 0 && order <= COSTLY ? 0 : fruitless + 1;
            if (refuser < 0 || groups.failed(refuser) || Gfp.has(mask, Gfp.NORETRY)) {
                return refuser;
            }
            if (fruitless > RETRIES) {
                if (Gfp.has(mask, Gfp.RETRY_MAYFAIL) || order > COSTLY
                        || mistakes.contains(Mistake.NOT_FAILED_FOR_A_LIMIT)
                        || !groups.makeWay(refuser, payer, ticks)) {
                    return refuser;
                }
                park(1);
            }
        }
    }

    /// Above `high`: reclaim inside, and a sleep if that does not help and nobody waits for us.
    private void bringDown(int group, long owed, int mask) {
        boolean progress = owed > 0;
        for (int i = 0; i < RETRIES && progress && groups.charged(group) > groups.high(group);
                i++) {
            progress = reclaim.direct(mask, group) > 0;
        }
        long high = groups.high(group);
        long over = groups.charged(group) - high;
        if (owed > 0 && over > 0 && Gfp.has(mask, Gfp.FS | Gfp.IO) && !scopes.excludesAny()) {
            long part = high == 0 ? MOST_OVER : Math.min((over << PRECISION) / high, MOST_OVER);
            long sleep = ((((part * part) >> PRECISION) * HZ) >> SCALING) * owed / CHARGE_BATCH;
            if (sleep > HZ / 100) {
                park(Math.min(sleep, 2 * HZ));
            }
        }
    }
}
