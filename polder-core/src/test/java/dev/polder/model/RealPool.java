package dev.polder.model;

import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.Memalloc;
import dev.polder.gfp.MemallocScope;
import dev.polder.gfp.PolderEvents;
import dev.polder.gfp.ReclaimDomain;
import dev.polder.memgroup.MemGroup;
import dev.polder.model.Outcome.Call;
import dev.polder.model.Outcome.Request;
import dev.polder.model.Outcome.Result;
import dev.polder.model.Outcome.State;
import dev.polder.model.Program.Consumer;
import dev.polder.model.Program.Step;
import dev.polder.os.Clock;
import dev.polder.os.PoolMemory;
import dev.polder.page.OutOfMemoryPolicy;
import dev.polder.page.PageAllocator;
import dev.polder.page.ZoneView;
import dev.polder.reclaim.BackgroundRun;
import dev.polder.reclaim.Kswapd;
import dev.polder.reclaim.Vmscan;
import dev.polder.shrink.ShrinkerHandle;
import dev.polder.shrink.ShrinkerRegistry;
import dev.polder.shrinker.ShrinkControl;
import dev.polder.shrinker.Shrinker;
import dev.polder.stat.VmStat;
import dev.polder.zone.Watermarks;
import dev.polder.zone.Zone;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The real zone, reclaim, memory groups and page allocator, with the consumers of a program, on
/// one thread: time passes when the thread parks, and a thread that parks over and over and frees
/// nothing waits for ever. Background reclaim runs when the program says so, and is waited for.
final class RealPool implements AutoCloseable {
    /// Enough for something to be kept for atomic requests: a hundredth is more than a block.
    static final int FRAMES = 8192;
    static final long MIN = 48;
    static final long LOW = 72;
    static final long HIGH = 96;
    /// Ticks that pass at least when the thread parks, so that waits of a second are few parks.
    static final long SLACK = 25;

    /// Ends a request that would wait for ever.
    private static final class Waits extends Error {
        private static final long serialVersionUID = 1;

        Waits() {
            super("waits for ever", null, false, false);
        }
    }

    private final class SoloClock implements Clock {
        private long now;

        @Override
        public long nanos() {
            return now;
        }

        @Override
        public void park(Object blocker, long nanos) {
            now += Math.max(nanos, SLACK * TICK_NANOS);
            if (++parks > Model.ENOUGH || calls.size() > Model.MANY_CALLS) {
                throw new Waits();
            }
        }

        @Override
        public void unpark(Thread thread) {
            throw new AssertionError("there is one thread only");
        }
    }

    /// One object and the group that its consumer has it for.
    private record Owned(long run, MemGroup group) {
    }

    private final class Cache implements Shrinker {
        final int number;
        final Consumer consumer;
        final ShrinkerHandle handle;
        final List<Owned> objects = new ArrayList<>();
        int scans;

        Cache(int number, Consumer consumer) {
            this.number = number;
            this.consumer = consumer;
            this.handle = shrinkers.register("consumer-" + number, this,
                    consumer.domain() < 0 ? null : domains.get(consumer.domain()),
                    consumer.seeks(), consumer.batch(), consumer.groupAware(),
                    Frames.SIZE << consumer.order());
        }

        private long objects(long groupId) {
            if (groupId == 0) {
                return objects.size();
            }
            return objects.stream().filter(o -> o.group.id() == groupId).count();
        }

        private long removeLast(long groupId) {
            int i = objects.size() - 1;
            while (groupId != 0 && objects.get(i).group.id() != groupId) {
                i--;
            }
            return objects.remove(i).run;
        }

        @Override
        public long count(ShrinkControl sc) {
            calls.add(call(number, false, sc));
            return switch (consumer.temper()) {
                case HIDES -> 0;
                case SAYS_EMPTY -> EMPTY;
                default -> objects(sc.groupId());
            };
        }

        @Override
        public long scan(ShrinkControl sc) {
            calls.add(call(number, true, sc));
            Temper.Answer answer = consumer.temper().scan(sc.gfp(), sc.mayWait(), sc.toScan(),
                    objects(sc.groupId()), scans++);
            if (answer.throwing()) {
                throw new IllegalStateException("the program says so");
            }
            if (answer.stop()) {
                return STOP;
            }
            if (answer.allocates()) {
                keep(take(0, Gfp.KERNEL));
            }
            for (long i = 0; i < answer.frees(); i++) {
                pages.free(removeLast(sc.groupId()));
                parks = 0;
            }
            if (answer.scanned() >= 0) {
                sc.scanned(answer.scanned());
            }
            return consumer.temper() == Temper.CLAIMS ? sc.toScan() : answer.frees();
        }
    }

    private static final PolderEvents SILENT = new PolderEvents() { };

    private final Clock clock = new SoloClock();
    private final VmStat stat = new VmStat();
    private final Zone zone;
    private final ShrinkerRegistry shrinkers =
            new ShrinkerRegistry("model", stat, clock, SILENT);
    private final PageAllocator pages;
    private final Vmscan vmscan;
    private final List<MemGroup> groups = new ArrayList<>();
    private final List<ReclaimDomain> domains = new ArrayList<>();
    private final List<Cache> caches = new ArrayList<>();
    private final List<Long> kept = new ArrayList<>();
    private final Deque<AutoCloseable> scopes = new ArrayDeque<>();
    private int parks;
    private List<Long> placed = new ArrayList<>();
    private List<Request> requests = new ArrayList<>();
    private List<Call> calls = new ArrayList<>();

    RealPool(Program program, PoolMemory memory) {
        this.zone = new Zone(memory, new Watermarks(MIN, LOW, HIGH), 1);
        this.vmscan = new Vmscan(new ZoneView(zone), shrinkers, stat, clock);
        MemGroup root = MemGroup.root("model");
        for (int parent : Program.PARENTS) {
            groups.add(parent < 0 ? root : groups.get(parent).create("group-" + groups.size()));
        }
        this.pages = new PageAllocator(new PageAllocator.Parts("model", zone, memory, vmscan,
                new Kswapd("model", new ZoneView(zone), vmscan), shrinkers, stat, clock,
                root, OutOfMemoryPolicy.largestGroup()));
        pages.listener((_, order, entry, used, got) ->
                requests.add(new Request(order, entry, used, got)));
        for (int i = 0; i < Program.DOMAINS; i++) {
            domains.add(ReclaimDomain.of("domain-" + i));
        }
        program.shrinkers().forEach(c -> caches.add(new Cache(caches.size(), c)));
    }

    /// Runs of the last step, in the order in which they were handed out.
    List<Long> placed() {
        return placed;
    }

    Outcome run(Step step) {
        placed = new ArrayList<>();
        requests = new ArrayList<>();
        calls = new ArrayList<>();
        parks = 0;
        Result result;
        try {
            result = perform(step);
        } catch (Waits w) {
            result = Result.WAITS;
        }
        zone.drain();
        State after = new State(zone.free(), zone.highAtomicFrames(),
                caches.stream().map(c -> c.handle.deferred()).toList(),
                groups.stream().map(g -> Frames.count(g.charged())).toList(),
                groups.stream().map(MemGroup::failed).toList());
        return new Outcome(result, requests, calls, after);
    }

    private Result perform(Step step) {
        return switch (step) {
            case Step.Alloc a -> keep(take(a.order(), a.gfp()));
            case Step.Hold h -> hold(h.blocks());
            case Step.Free f -> free(f.which());
            case Step.Grow g -> grow(g);
            case Step.Open o -> open(o);
            case Step.Close _ -> close(scopes.poll());
            case Step.Limit l -> limit(l);
            case Step.Reset r -> {
                groups.get(r.group()).reset();
                yield Result.NONE;
            }
            case Step.Background b -> {
                BackgroundRun.of(vmscan, b.order());
                yield Result.NONE;
            }
        };
    }

    private Call call(int number, boolean scan, ShrinkControl sc) {
        int group = groups.size() - 1;
        while (group >= 0 && groups.get(group).id() != sc.groupId()) {
            group--;
        }
        return new Call(number, group, scan, sc.toScan(), sc.gfp(), sc.mayWait());
    }

    private long take(int order, int gfp) {
        long run = pages.alloc(order, gfp);
        if (run != 0) {
            placed.add(run);
        }
        return run;
    }

    private Result keep(long run) {
        if (run == 0) {
            return Result.FAILED;
        }
        kept.add(run);
        return Result.GOT;
    }

    private Result grow(Step.Grow g) {
        Cache cache = caches.get(g.consumer());
        MemGroup entered = MemGroup.current();
        MemGroup group = entered == null ? groups.getFirst() : entered;
        for (int i = 0; i < g.objects(); i++) {
            long run = take(cache.consumer.order(), g.gfp());
            if (run == 0) {
                return Result.FAILED;
            }
            cache.objects.add(new Owned(run, group));
        }
        return g.objects() == 0 ? Result.NONE : Result.GOT;
    }

    private Result hold(int blocks) {
        for (int i = 0; i < blocks; i++) {
            take(Frames.MAX_ORDER, Gfp.NOWAIT);
        }
        return Result.NONE;
    }

    private Result limit(Step.Limit l) {
        MemGroup g = groups.get(l.group());
        long bytes = Frames.bytes(Math.max(0, l.frames()));
        switch (l.kind()) {
            case MIN -> g.min(bytes);
            case LOW -> g.low(bytes);
            case HIGH -> g.high(l.frames() < 0 ? MemGroup.MAX : bytes);
            case MAX -> g.max(l.frames() < 0 ? MemGroup.MAX : bytes);
        }
        return Result.NONE;
    }

    private Result free(int which) {
        if (!kept.isEmpty()) {
            pages.free(kept.remove(which % kept.size()));
        }
        return Result.NONE;
    }

    private Result open(Step.Open o) {
        scopes.push(switch (o.scope()) {
            case NOFS -> MemallocScope.noFs("program");
            case NOIO -> MemallocScope.noIo("program");
            case NORECLAIM -> noreclaim();
            case EXCLUDING -> MemallocScope.excluding(domains.get(o.which()), "program");
            case GROUP -> groups.get(o.which()).enter();
        });
        return Result.NONE;
    }

    private static AutoCloseable noreclaim() {
        int token = Memalloc.noreclaimSave();
        return () -> Memalloc.noreclaimRestore(token);
    }

    private static Result close(@Nullable AutoCloseable scope) {
        try {
            if (scope != null) {
                scope.close();
            }
        } catch (Exception e) {
            throw new AssertionError("a scope did not close", e);
        }
        return Result.NONE;
    }

    /// Walks every invariant.
    void verify() {
        pages.verify();
    }

    @Override
    public void close() {
        for (@Nullable AutoCloseable s = scopes.poll(); s != null; s = scopes.poll()) {
            close(s);
        }
    }
}
