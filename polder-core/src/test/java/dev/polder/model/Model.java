package dev.polder.model;

import dev.polder.gfp.Gfp;
import dev.polder.model.Outcome.Call;
import dev.polder.model.Outcome.Result;
import dev.polder.model.Program.Consumer;
import dev.polder.model.Program.Scope;
import dev.polder.model.Program.Step;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Deque;
import java.util.List;
import java.util.Set;

/// What rows B5, C2 to C8, D1 to D20, E1 and F1 to F9 say about single-threaded programs in a pool
/// with only the root group and no kswapd: written from the rows' sentences, on a set of free
/// frames.
///
/// Where a run lies is the real allocator's own choice; the model is told, and checks that the
/// frames were free. It can be told to be wrong in one way, to show that a comparison notices.
public final class Model {

    /// One mistake each.
    public enum Mistake {
        MARK_NOT_STRICT, LOW_AT_THE_SLOW_PATH, HIGH_WITHOUT_REDUCTION, BONUS_FOR_NOWAIT,
        BONUS_DESPITE_NOMEMALLOC, MEMALLOC_BEATS_NOMEMALLOC, SCOPE_WITHOUT_RESERVE,
        NOIO_KEEPS_FS, NORETRY_RETRIES, RETRY_MAYFAIL_BEATS_NORETRY, COSTLY_RETRIES,
        COSTLY_FROM_ORDER_3, FIFTEEN_ROUNDS, HOPELESS_ROUNDS_GO_ON, NOFS_GIVES_UP,
        EXCLUSION_GIVES_UP, NOFAIL_GIVES_UP_WITH_NORETRY, NOFAIL_WITHOUT_DIRECT_WAITS,
        NOFAIL_WITHOUT_HALF_RESERVE, RECLAIM_GOES_ON_PAST_32, STARTS_AT_PRIORITY_11,
        EXCLUDED_DOMAIN_ENTERED, EXCLUSION_MAY_WAIT, NOFS_MAY_WAIT, WHOLE_DEFERRED,
        STOP_DROPS_DEFERRED, LAST_BATCH_WHOLE, SCANNED_NOTHING_IS_FREE
    }

    private static final int MAX_ORDER = 10;
    private static final int COSTLY = 3;
    private static final int RETRIES = 16;
    private static final int CLUSTER = 32;
    private static final int PRIORITY = 12;
    /// Rounds without a frame freed after which a request waits for ever: several times 16.
    private static final int ENOUGH = 80;

    private final Set<Mistake> mistakes;
    private final long min;
    private final long low;
    private final long high;
    private final int frames;
    private final BitSet used = new BitSet();
    private final List<Cache> caches = new ArrayList<>();
    private final List<Placed> kept = new ArrayList<>();
    private final Deque<Step.Open> scopes = new ArrayDeque<>();
    private boolean inReclaim;

    private Deque<Long> places = new ArrayDeque<>();
    private List<Call> calls = new ArrayList<>();

    private record Placed(int pfn, int order) {
    }

    private static final class Cache {
        final Consumer consumer;
        final List<Placed> objects = new ArrayList<>();
        int scans;
        long lastCount;
        long deferred;

        Cache(Consumer consumer) {
            this.consumer = consumer;
        }
    }

    /// A pool of `frames` frames, frame 0 used, all others free.
    public Model(Program program, int frames, long min, long low, long high, Mistake... mistakes) {
        this.mistakes = Set.of(mistakes);
        this.min = min;
        this.low = low;
        this.high = high;
        this.frames = frames;
        used.set(0);
        program.shrinkers().forEach(c -> caches.add(new Cache(c)));
    }

    /// Runs one step; `placed` are the runs that the real allocator chose in it, in order.
    public Outcome run(Step step, List<Long> placed) {
        places = new ArrayDeque<>(placed);
        calls = new ArrayList<>();
        Result result = switch (step) {
            case Step.Alloc a -> request(a);
            case Step.Free f -> free(f.which());
            case Step.Grow g -> grow(g);
            case Step.Open o -> {
                scopes.push(o);
                yield Result.NONE;
            }
            case Step.Close _ -> {
                scopes.pop();
                yield Result.NONE;
            }
        };
        return new Outcome(result, List.copyOf(calls),
                caches.stream().map(c -> c.deferred).toList(), free());
    }

    private Result request(Step.Alloc a) {
        Result result = alloc(a.order(), a.gfp());
        if (result == Result.GOT) {
            kept.add(place(a.order()));
        }
        return result;
    }

    private Result free(int which) {
        if (!kept.isEmpty()) {
            give(kept.remove(which % kept.size()));
        }
        return Result.NONE;
    }

    private Result grow(Step.Grow g) {
        Cache cache = caches.get(g.consumer());
        Result result = Result.NONE;
        for (int i = 0; i < g.objects(); i++) {
            result = alloc(cache.consumer.order(), g.gfp());
            if (result != Result.GOT) {
                break;
            }
            cache.objects.add(place(cache.consumer.order()));
        }
        return result;
    }

    // ---- frames ---------------------------------------------------------------------------------

    private long free() {
        return (long) frames - used.cardinality();
    }

    private Placed place(int order) {
        int pfn = Math.toIntExact(places.remove());
        int next = used.nextSetBit(pfn);
        if (pfn % (1 << order) != 0 || (next >= 0 && next < pfn + (1 << order))) {
            throw new AssertionError("run " + pfn + " of order " + order + " was not free");
        }
        used.set(pfn, pfn + (1 << order));
        return new Placed(pfn, order);
    }

    private void give(Placed run) {
        used.clear(run.pfn, run.pfn + (1 << run.order));
    }

    private boolean hasBlock(int order) {
        for (int at = 0; at < frames; at += 1 << order) {
            int next = used.nextSetBit(at);
            if (next < 0 || next >= at + (1 << order)) {
                return true;
            }
        }
        return false;
    }

    /// C2 and C8; a mark below 0 is none.
    private boolean passes(int order, long mark) {
        long left = free() - ((1L << order) - 1);
        boolean enough = wrong(Mistake.MARK_NOT_STRICT) ? left >= mark : left > mark;
        return enough && left > 0 && hasBlock(order);
    }

    // ---- one request ----------------------------------------------------------------------------

    private boolean open(Scope scope) {
        return scopes.stream().anyMatch(s -> s.scope() == scope);
    }

    private boolean noreclaim() {
        return inReclaim || open(Scope.NORECLAIM);
    }

    /// B5.
    private int narrowed(int gfp) {
        int mask = gfp;
        if (open(Scope.NOIO)) {
            mask &= wrong(Mistake.NOIO_KEEPS_FS) ? ~Gfp.IO : ~(Gfp.IO | Gfp.FS);
        }
        return open(Scope.NOFS) ? mask & ~Gfp.FS : mask;
    }

    /// C4, C5.
    private long minFor(int gfp) {
        boolean direct = Gfp.has(gfp, Gfp.DIRECT_RECLAIM);
        boolean bonus = !direct
                && (!Gfp.has(gfp, Gfp.NOMEMALLOC) || wrong(Mistake.BONUS_DESPITE_NOMEMALLOC));
        boolean reduced = Gfp.has(gfp, Gfp.HIGH) && !wrong(Mistake.HIGH_WITHOUT_REDUCTION);
        long mark = wrong(Mistake.LOW_AT_THE_SLOW_PATH) ? low : min;
        if (reduced) {
            mark -= mark / 2;
        }
        if (bonus && (reduced || wrong(Mistake.BONUS_FOR_NOWAIT))) {
            mark -= mark / 4;
        }
        return mark;
    }

    /// D1–D20.
    private Result alloc(int order, int gfp) {
        if (order > MAX_ORDER) {
            return Result.FAILED;
        }
        int mask = narrowed(gfp);
        long mark = minFor(mask);
        if (passes(order, low) || passes(order, mark)) {
            return Result.GOT;
        }
        boolean direct = Gfp.has(mask, Gfp.DIRECT_RECLAIM);
        boolean nofail = Gfp.has(mask, Gfp.NOFAIL)
                && (direct || wrong(Mistake.NOFAIL_WITHOUT_DIRECT_WAITS));
        int fruitless = 0;
        for (int vain = 0; vain < ENOUGH; vain++) {
            if (passes(order, ignoresMarks(mask) ? -1 : mark)) {
                return Result.GOT;
            }
            if (direct && !noreclaim()) {
                long freed = reclaim(mask);
                if (passes(order, mark)) {
                    return Result.GOT;
                }
                vain = freed > 0 ? 0 : vain;
                fruitless = freed > 0 && order <= COSTLY ? 0 : fruitless + 1;
                if (mayRetry(order, mask)) {
                    if (worthIt(order, mark, fruitless)) {
                        continue;
                    }
                    Result end = endOfTheRoad(order, mask);
                    if (end == Result.GOT) {
                        return end;
                    }
                    if (end == Result.WAITS) {
                        fruitless = 0;
                        continue;
                    }
                }
            }
            if (!nofail || (wrong(Mistake.NOFAIL_GIVES_UP_WITH_NORETRY)
                    && Gfp.has(mask, Gfp.NORETRY))) {
                return Result.FAILED;
            }
            if (!wrong(Mistake.NOFAIL_WITHOUT_HALF_RESERVE) && passes(order, min - min / 2)) {
                return Result.GOT;
            }
        }
        return Result.WAITS;
    }

    /// C7, A10.
    private boolean ignoresMarks(int mask) {
        boolean scope = noreclaim() && !wrong(Mistake.SCOPE_WITHOUT_RESERVE);
        return (Gfp.has(mask, Gfp.MEMALLOC) || scope) && (!Gfp.has(mask, Gfp.NOMEMALLOC)
                || wrong(Mistake.MEMALLOC_BEATS_NOMEMALLOC));
    }

    /// D9, D10.
    private boolean mayRetry(int order, int mask) {
        boolean mayfail = Gfp.has(mask, Gfp.RETRY_MAYFAIL);
        if (Gfp.has(mask, Gfp.NORETRY) && !wrong(Mistake.NORETRY_RETRIES)
                && !(mayfail && wrong(Mistake.RETRY_MAYFAIL_BEATS_NORETRY))) {
            return false;
        }
        int costly = wrong(Mistake.COSTLY_FROM_ORDER_3) ? COSTLY - 1 : COSTLY;
        return order <= costly || mayfail || wrong(Mistake.COSTLY_RETRIES);
    }

    /// D11.
    private boolean worthIt(int order, long mark, int fruitless) {
        int most = wrong(Mistake.FIFTEEN_ROUNDS) ? RETRIES - 1 : RETRIES;
        long all = free();
        for (Cache c : caches) {
            all += c.lastCount << c.consumer.order();
        }
        boolean attainable = all - ((1L << order) - 1) > mark;
        return fruitless <= most && (attainable || wrong(Mistake.HOPELESS_ROUNDS_GO_ON));
    }

    /// D14–D16, D18; WAITS stands for going on.
    private Result endOfTheRoad(int order, int mask) {
        if (passes(order, high)) {
            return Result.GOT;
        }
        if (order > COSTLY || Gfp.has(mask, Gfp.RETRY_MAYFAIL)) {
            return Result.FAILED;
        }
        boolean nofail = Gfp.has(mask, Gfp.NOFAIL);
        boolean restricted = (!Gfp.has(mask, Gfp.FS) && !wrong(Mistake.NOFS_GIVES_UP))
                || (open(Scope.EXCLUDING) && !wrong(Mistake.EXCLUSION_GIVES_UP));
        if (!restricted && !nofail) {
            return Result.FAILED;
        }
        return nofail && passes(order, -1) ? Result.GOT : Result.WAITS;
    }

    // ---- reclaim --------------------------------------------------------------------------------

    /// E1.
    private long reclaim(int mask) {
        inReclaim = true;
        long freed = 0;
        int priority = wrong(Mistake.STARTS_AT_PRIORITY_11) ? PRIORITY - 1 : PRIORITY;
        for (; priority >= 0; priority--) {
            long pass = 0;
            for (int i = 0; i < caches.size(); i++) {
                pass += shrink(i, mask, priority);
            }
            freed += Math.max(0, pass);
            if (freed >= CLUSTER && !wrong(Mistake.RECLAIM_GOES_ON_PAST_32)) {
                break;
            }
        }
        inReclaim = false;
        return freed;
    }

    private boolean mayWait(int mask) {
        return (Gfp.has(mask, Gfp.FS | Gfp.IO)
                || (Gfp.has(mask, Gfp.IO) && wrong(Mistake.NOFS_MAY_WAIT)))
                && (!open(Scope.EXCLUDING) || wrong(Mistake.EXCLUSION_MAY_WAIT));
    }

    private boolean excluded(Cache c) {
        return scopes.stream().anyMatch(s -> s.scope() == Scope.EXCLUDING
                && s.domain() == c.consumer.domain()) && !wrong(Mistake.EXCLUDED_DOMAIN_ENTERED);
    }

    /// F1–F8.
    private long shrink(int number, int mask, int priority) {
        Cache c = caches.get(number);
        boolean mayWait = mayWait(mask);
        calls.add(new Call(number, false, 0, mask, mayWait));
        Temper temper = c.consumer.temper();
        long count = temper == Temper.HIDES || temper == Temper.SAYS_EMPTY ? 0 : c.objects.size();
        c.lastCount = count;
        if (count == 0) {
            return 0;
        }
        long old = c.deferred;
        int seeks = c.consumer.seeks();
        long delta = seeks == 0 ? count / 2 : (count >> priority) * 4 / seeks;
        long share = wrong(Mistake.WHOLE_DEFERRED) ? old : old >> priority;
        long total = Math.min(share + delta, 2 * count);
        long batch = c.consumer.batch();
        long done = 0;
        long freed = 0;
        boolean stopped = excluded(c);
        while (!stopped && (total >= batch || total >= count)) {
            long ask = wrong(Mistake.LAST_BATCH_WHOLE) ? batch : Math.min(total, batch);
            calls.add(new Call(number, true, ask, mask, mayWait));
            Temper.Answer answer =
                    temper.scan(mask, mayWait, ask, c.objects.size(), c.scans++);
            stopped = answer.stop() || answer.throwing();
            if (!stopped) {
                freed += act(c, answer);
                long looked = answer.scanned() < 0 ? ask : answer.scanned();
                long charged = looked == 0 && !wrong(Mistake.SCANNED_NOTHING_IS_FREE) ? ask
                        : Math.max(1, looked);
                total -= charged;
                done += charged;
            } else if (wrong(Mistake.STOP_DROPS_DEFERRED)) {
                old = 0;
            }
        }
        c.deferred = Math.clamp(old + delta - done, 0, 2 * count);
        return freed;
    }

    /// What a callback does; the frames that it freed, less those that it took.
    private long act(Cache c, Temper.Answer answer) {
        long taken = 0;
        if (answer.allocates() && alloc(0, Gfp.KERNEL) == Result.GOT) {
            kept.add(place(0));
            taken = 1;
        }
        for (long i = 0; i < answer.frees(); i++) {
            give(c.objects.removeLast());
        }
        return (answer.frees() << c.consumer.order()) - taken;
    }

    private boolean wrong(Mistake mistake) {
        return mistakes.contains(mistake);
    }
}
