package dev.polder.model;

import dev.polder.gfp.Gfp;
import dev.polder.model.Outcome.Call;
import dev.polder.model.Program.Consumer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Rows E1, E10 to E12 and F1 to F9, and what ADR 0008 says of groups: for whom, how often and
/// with which figures consumers are asked.
final class ModelReclaim {
    /// Bytes of a frame.
    private static final long FRAME = 4096;
    private static final int CLUSTER = 32;
    private static final int PRIORITY = 12;
    /// Fruitless runs of kswapd after which nobody waits for it (E12).
    private static final int HOPELESS = 16;
    /// The longest wait while half of the reserve is gone, without a kswapd that runs (E10).
    private static final long RESERVE_TICKS = 250;
    /// Scans in a row that bring nothing back, after which a consumer's turn ends.
    private static final int MAX_VAIN = 1024;
    /// Stands for all groups together.
    private static final int ALL = -1;

    /// What a callback may do to the rest.
    interface Host {
        /// A consumer asks for a frame itself.
        void allocate();

        /// An object of a consumer is freed.
        void free(Held what);

        /// Areas that were freed and are mapped still are given back until `frames` are free.
        void purge(long frames);

        /// Slabs without an object in use are given back.
        void giveEmptyBack();

        /// Frames of such areas and slabs.
        long cachedFrames();
    }

    /// One object and the group that its consumer has it for.
    record Owned(Held what, int group) {
    }

    private static final class Cache {
        final Consumer consumer;
        final List<Owned> objects = new ArrayList<>();
        final Map<Integer, Integer> objectsOf = new HashMap<>();
        final Map<Integer, Long> deferred = new HashMap<>();
        int scans;
        long lastCount;

        Cache(Consumer consumer) {
            this.consumer = consumer;
        }
    }

    /// One run: for whom, and how far it is.
    private static final class Run {
        final int mask;
        final boolean mayWait;
        final boolean background;
        final int top;
        long goal = CLUSTER;
        long freed;
        long scanned;
        int priority = PRIORITY;
        boolean lowSkipped;
        boolean lowTaken;
        boolean waitedForBusy;
        int answers;
        int busy;
        long counted;

        Run(int mask, boolean mayWait, boolean background, int top) {
            this.mask = mask;
            this.mayWait = mayWait;
            this.background = background;
            this.top = top;
        }
    }

    private final Set<Mistake> mistakes;
    private final ModelGroups groups;
    private final ModelFrames frames;
    private final ModelScopes scopes;
    private final Host host;
    private final ModelTime time;
    private final long min;
    private final List<Cache> caches = new ArrayList<>();
    private List<Call> calls = new ArrayList<>();
    private int fruitlessRuns;

    ModelReclaim(List<Consumer> consumers, ModelGroups groups, ModelFrames frames,
            ModelScopes scopes, long min, ModelTime time, Host host, Set<Mistake> mistakes) {
        consumers.forEach(c -> caches.add(new Cache(c)));
        this.groups = groups;
        this.frames = frames;
        this.scopes = scopes;
        this.min = min;
        this.time = time;
        this.host = host;
        this.mistakes = mistakes;
    }

    void calls(List<Call> calls) {
        this.calls = calls;
    }

    Consumer consumer(int number) {
        return caches.get(number).consumer;
    }

    void add(int number, Held what, int group) {
        Cache c = caches.get(number);
        c.objects.add(new Owned(what, group));
        c.objectsOf.merge(group, 1, Integer::sum);
    }

    /// A consumer gives objects back by itself.
    void drop(int number, int objects) {
        Cache c = caches.get(number);
        for (int i = 0; i < objects && !c.objects.isEmpty(); i++) {
            host.free(removeLast(c, ALL));
        }
    }

    /// What was deferred for a group that is forgotten goes to the one above; the pool's share if
    /// that is the root.
    void forgotten(int group, int parent) {
        for (Cache c : caches) {
            Long work = c.deferred.remove(group);
            if (work != null && !mistakes.contains(Mistake.DEFERRED_LOST_WITH_ITS_GROUP)) {
                c.deferred.merge(parent == 0 ? ALL : parent, work, Long::sum);
            }
        }
    }

    List<Long> deferred() {
        return caches.stream()
                .map(c -> c.deferred.values().stream().mapToLong(Long::longValue).sum()).toList();
    }

    /// Frames that consumers said they hold when they were last asked for all they have, and those
    /// of freed areas and empty slabs.
    long reclaimable() {
        return host.cachedFrames() + caches.stream()
                .mapToLong(c -> (c.lastCount * c.consumer.bytes() + FRAME - 1) / FRAME).sum();
    }

    /// Direct reclaim for a request of `mask`; for a limit, of the group `top`, else -1. The
    /// frames that came back.
    long direct(int mask, int top) {
        if (top == ALL && fruitlessRuns < HOPELESS && min > 0 && frames.free() <= min / 2) {
            time.park(RESERVE_TICKS);
        }
        boolean fs = Gfp.has(mask, Gfp.FS) || mistakes.contains(Mistake.NOFS_MAY_WAIT);
        boolean mayWait = fs && Gfp.has(mask, Gfp.IO)
                && (!scopes.excludesAny() || mistakes.contains(Mistake.EXCLUSION_MAY_WAIT));
        Run run = new Run(mask, mayWait, false, top);
        if (mistakes.contains(Mistake.STARTS_AT_PRIORITY_11)) {
            run.priority--;
        }
        int first = run.priority;
        scopes.enterReclaim();
        allPriorities(run);
        if (run.freed == 0 && run.lowSkipped && !mistakes.contains(Mistake.LOW_NEVER_TAKEN)) {
            run.lowTaken = true;
            run.priority = first;
            allPriorities(run);
        }
        scopes.leaveReclaim();
        return run.freed;
    }

    /// E1, E11.
    private void allPriorities(Run run) {
        for (; run.priority >= 0; run.priority--) {
            pass(run);
            if (run.freed >= CLUSTER && !mistakes.contains(Mistake.RECLAIM_GOES_ON_PAST_32)) {
                return;
            }
            if (run.freed > 0 || run.top != ALL) {
                continue;
            }
            if (run.priority == 1) {
                if (fruitlessRuns < HOPELESS) {
                    time.park(1);
                }
            } else if (run.answers > 0 && run.busy == run.answers && !run.waitedForBusy) {
                run.waitedForBusy = true;
                time.park(1);
            }
        }
    }

    /// One run of kswapd (E12, B10): until `high` is met and a block of `order` is there.
    void background(int order, long low, long high) {
        long mark = mistakes.contains(Mistake.KSWAPD_STOPS_AT_LOW) ? low : high;
        int mask = mistakes.contains(Mistake.KSWAPD_UNDER_THE_WAKERS_MASK)
                ? scopes.narrowed(Gfp.KERNEL) : Gfp.KERNEL;
        Run run = new Run(mask, mistakes.contains(Mistake.KSWAPD_MAY_WAIT), true, ALL);
        run.lowTaken = mistakes.contains(Mistake.KSWAPD_TAKES_LOW);
        int last = mistakes.contains(Mistake.KSWAPD_GOES_TO_PRIORITY_0) ? 0 : 1;
        int wanted = order;
        boolean hurry = true;
        scopes.elsewhere(true);
        while (run.priority >= last && !balanced(wanted, mark)) {
            long goal = Math.max(high, CLUSTER);
            long scannedBefore = run.scanned;
            long freedBefore = run.freed;
            run.goal = run.freed + goal;
            pass(run);
            hurry &= run.scanned - scannedBefore < goal;
            if (run.freed >= 2L << wanted) {
                wanted = 0;
            }
            if (hurry || run.freed == freedBefore) {
                run.priority--;
            }
        }
        scopes.elsewhere(false);
        if (run.freed == 0 && !balanced(0, mark)) {
            fruitlessRuns++;
        }
    }

    private boolean balanced(int order, long mark) {
        return frames.passes(order, mark, ModelFrames.Reach.ORDINARY);
    }

    private void pass(Run run) {
        run.answers = 0;
        run.busy = 0;
        long before = run.freed;
        if (run.top == ALL && !mistakes.contains(Mistake.LAZY_AREAS_KEPT)) {
            run.freed += purged(run.goal - run.freed);
        }
        if (run.freed < run.goal || mistakes.contains(Mistake.RECLAIM_GOES_ON_PAST_32)
                || mistakes.contains(Mistake.CONSUMERS_BEFORE_OWN)) {
            run.freed += Math.max(0, consumers(run));
            if (run.top == ALL && run.freed < run.goal) {
                long empty = frames.returned();
                host.giveEmptyBack();
                run.freed += frames.returned() - empty;
            }
        }
        if (run.freed > before) {
            fruitlessRuns = 0;
        }
    }

    /// Polder's own caches come before the consumers.
    private long purged(long wanted) {
        long before = frames.returned();
        host.purge(wanted);
        return frames.returned() - before;
    }

    private long consumers(Run run) {
        long pass = 0;
        for (int i = 0; i < caches.size(); i++) {
            Cache c = caches.get(i);
            run.counted = 0;
            if (run.top != ALL && !mistakes.contains(Mistake.LIMIT_ASKS_EVERYBODY)) {
                if (c.consumer.groupAware()) {
                    int top = mistakes.contains(Mistake.LIMIT_OF_THE_WHOLE_TREE) ? 0 : run.top;
                    pass += shrinkTree(run, i, top);
                }
            } else if (c.consumer.groupAware() && groups.anyProtection()) {
                pass += shrinkTree(run, i, 0);
                c.lastCount = run.counted;
            } else {
                pass += shrink(run, i, ALL, 0, 0);
                c.lastCount = run.counted;
            }
        }
        return pass;
    }

    // ---- groups ---------------------------------------------------------------------------------

    private long shrinkTree(Run run, int number, int top) {
        boolean own = mistakes.contains(Mistake.PROTECTED_FROM_OWN_LIMIT);
        return shrinkGroup(run, number, top, own ? groups.min(top) : 0,
                own ? groups.low(top) : 0)
                + shrinkBelow(run, number, top, ModelGroups.NONE, ModelGroups.NONE);
    }

    private long shrinkBelow(Run run, int number, int parent, long parentMin, long parentLow) {
        long mins = 0;
        long lows = 0;
        for (int child : groups.children(parent)) {
            mins += Math.min(groups.charged(child), groups.min(child));
            lows += Math.min(groups.charged(child), groups.low(child));
        }
        long freed = 0;
        for (int child : groups.children(parent)) {
            if (groups.charged(child) > 0) {
                long above = groups.charged(parent);
                long min = protection(child, groups.min(child), parentMin, above, mins);
                long low = protection(child, groups.low(child), parentLow, above, lows);
                freed += shrinkGroup(run, number, child, min, low);
                freed += shrinkBelow(run, number, child, min, low);
            }
        }
        return freed;
    }

    /// Frames of a group that are protected: what it is promised, as far as it uses it; siblings
    /// that are promised more than their parent share what that has; what it has beyond their
    /// promises goes to them by what they use beyond.
    private long protection(int group, long promised, long parents, long parentUses,
            long siblings) {
        long uses = groups.charged(group);
        long own = Math.min(uses, promised);
        if (parents == ModelGroups.NONE) {
            return own;
        }
        if (siblings > parents) {
            return mistakes.contains(Mistake.PROTECTION_NOT_SHARED) ? own
                    : own * parents / siblings;
        }
        if (parentUses <= siblings || uses <= own
                || mistakes.contains(Mistake.PROTECTION_NOT_INHERITED)) {
            return own;
        }
        long more = (parents - siblings) * (uses - own) / (parentUses - siblings);
        return Math.min(uses, own + more);
    }

    private long shrinkGroup(Run run, int number, int group, long min, long low) {
        long uses = groups.charged(group);
        if (min > 0 && uses <= min) {
            return 0;
        }
        boolean lowHolds = low > min && !run.lowTaken
                && !mistakes.contains(Mistake.LOW_TAKEN_AT_ONCE);
        if (lowHolds) {
            run.lowSkipped = true;
        }
        long kept = lowHolds ? low : min;
        return lowHolds && uses <= low ? 0 : shrink(run, number, group, uses, kept);
    }

    // ---- one consumer ---------------------------------------------------------------------------

    private static boolean hides(Temper temper) {
        return temper == Temper.HIDES || temper == Temper.SAYS_EMPTY;
    }

    private static long objects(Cache c, int group) {
        return group == ALL ? c.objects.size() : c.objectsOf.getOrDefault(group, 0);
    }

    private static Held removeLast(Cache c, int group) {
        int i = c.objects.size() - 1;
        while (group != ALL && c.objects.get(i).group != group) {
            i--;
        }
        Owned last = c.objects.remove(i);
        c.objectsOf.merge(last.group, -1, Integer::sum);
        return last.what;
    }

    private boolean excluded(Run run, Cache c) {
        boolean minds = !run.background || mistakes.contains(Mistake.KSWAPD_MINDS_EXCLUSIONS);
        return minds && scopes.excludes(c.consumer.domain())
                && !mistakes.contains(Mistake.EXCLUDED_DOMAIN_ENTERED);
    }

    private void called(Call call) {
        calls.add(call);
        time.called();
    }

    /// F1–F8.
    private long shrink(Run run, int number, int group, long uses, long kept) {
        Cache c = caches.get(number);
        called(new Call(number, group, false, 0, run.mask, run.mayWait));
        long objects = hides(c.consumer.temper()) ? 0 : objects(c, group);
        run.counted += objects;
        long count = objects - objects * kept / (uses + 1);
        if (count == 0) {
            return 0;
        }
        long old = c.deferred.getOrDefault(group, 0L);
        int seeks = c.consumer.seeks();
        long delta = seeks == 0 ? count / 2 : (count >> run.priority) * 4 / seeks;
        long share = mistakes.contains(Mistake.WHOLE_DEFERRED) ? old : old >> run.priority;
        long total = Math.min(share + delta, 2 * count);
        long batch = c.consumer.batch();
        long done = 0;
        long freed = 0;
        boolean stopped = excluded(run, c);
        int vain = 0;
        while (!stopped && vain < MAX_VAIN && (total >= batch || total >= count)) {
            long ask = mistakes.contains(Mistake.LAST_BATCH_WHOLE) ? batch
                    : Math.min(total, batch);
            called(new Call(number, group, true, ask, run.mask, run.mayWait));
            Temper.Answer answer = c.consumer.temper().scan(run.mask, run.mayWait, ask,
                    objects(c, group), c.scans++);
            stopped = answer.stop() || answer.throwing();
            if (stopped) {
                old = mistakes.contains(Mistake.STOP_DROPS_DEFERRED) ? 0 : old;
                note(run, answer);
                continue;
            }
            long got = act(c, answer, group);
            vain = got > 0 || mistakes.contains(Mistake.VAIN_SCANS_GO_ON) ? 0 : vain + 1;
            freed += got;
            long looked = answer.scanned() < 0 ? ask : answer.scanned();
            boolean free = looked == 0 && mistakes.contains(Mistake.SCANNED_NOTHING_IS_FREE);
            long charged = looked == 0 && !free ? ask : Math.max(1, looked);
            run.scanned += charged;
            run.answers++;
            total -= charged;
            done += charged;
        }
        c.deferred.put(group, Math.clamp(old + delta - done, 0, 2 * count));
        return freed;
    }

    /// E11: a consumer that stops although mask and scope do not forbid it is busy.
    private static void note(Run run, Temper.Answer answer) {
        if (answer.stop()) {
            run.answers++;
            run.busy += Gfp.has(run.mask, Gfp.IO | Gfp.FS) ? 1 : 0;
        }
    }

    /// What a callback does; the frames that it freed, less those that it took.
    private long act(Cache c, Temper.Answer answer, int group) {
        long before = frames.returned();
        if (answer.allocates()) {
            host.allocate();
        }
        for (long i = 0; i < answer.frees(); i++) {
            host.free(removeLast(c, group));
        }
        return frames.returned() - before;
    }
}
