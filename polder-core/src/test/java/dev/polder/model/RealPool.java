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
import dev.polder.model.Program.Source;
import dev.polder.model.Program.Step;
import dev.polder.model.RealMemory.Block;
import dev.polder.os.Clock;
import dev.polder.os.PoolMemory;
import dev.polder.page.OutOfMemoryPolicy;
import dev.polder.page.PageAllocator;
import dev.polder.page.ZoneView;
import dev.polder.reclaim.BackgroundRun;
import dev.polder.reclaim.Kswapd;
import dev.polder.reclaim.Vmscan;
import dev.polder.shrink.InternalCaches;
import dev.polder.shrink.ShrinkerHandle;
import dev.polder.shrink.ShrinkerRegistry;
import dev.polder.shrinker.ShrinkControl;
import dev.polder.shrinker.Shrinker;
import dev.polder.stat.VmStat;
import dev.polder.task.Task;
import dev.polder.zone.Watermarks;
import dev.polder.zone.Zone;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/// The real zone, reclaim, memory groups and allocators, with the consumers of a program: time
/// passes when the thread parks, and a thread that parks over and over while nothing is freed waits
/// for ever. Background reclaim runs when the program says so, and is waited for; so does another
/// thread.
final class RealPool implements AutoCloseable {
    /// Enough for something to be kept for atomic requests: a hundredth is more than a block.
    static final int FRAMES = 8192;
    /// Pages of vmalloc space: fewer than there are frames, so that addresses can be short, too.
    static final int SPACE = 3072;
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
            parks++;
            parksOfStep++;
            while (!meanwhile.isEmpty() && meanwhile.peek().parks() <= parksOfStep) {
                onAnotherThread(meanwhile.remove().step());
            }
            if (Task.current().inReclaim()) {
                zone.drain();
            } else {
                memory.settle();
            }
            if (parks > ModelTime.ENOUGH || calls.size() > ModelTime.MANY_CALLS) {
                throw new Waits();
            }
        }

        @Override
        public void unpark(Thread thread) {
            // Time has passed for it already.
        }
    }

    /// One object and the group that its consumer has it for.
    private record Owned(Block block, MemGroup group) {
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
                    consumer.bytes());
        }

        private long objects(long groupId) {
            if (groupId == 0) {
                return objects.size();
            }
            long n = 0;
            for (Owned o : objects) {
                n += o.group.id() == groupId ? 1 : 0;
            }
            return n;
        }

        private Block removeLast(long groupId) {
            int i = objects.size() - 1;
            while (groupId != 0 && objects.get(i).group.id() != groupId) {
                i--;
            }
            return objects.remove(i).block;
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
            memory.inCallback(true);
            try {
                return give(sc);
            } finally {
                memory.inCallback(false);
            }
        }

        private long give(ShrinkControl sc) {
            Temper.Answer answer = consumer.temper().scan(sc.gfp(), sc.mayWait(), sc.toScan(),
                    objects(sc.groupId()), scans++);
            if (answer.throwing()) {
                throw new IllegalStateException("the program says so");
            }
            if (answer.stop()) {
                return STOP;
            }
            if (answer.allocates()) {
                keep(memory.take(Source.PAGES, 0, Gfp.KERNEL), false);
            }
            for (long i = 0; i < answer.frees(); i++) {
                memory.free(removeLast(sc.groupId()));
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
    private final RealMemory memory;
    private final List<Block> kept = new ArrayList<>();
    private final List<Block> held = new ArrayList<>();
    private final Deque<AutoCloseable> scopes = new ArrayDeque<>();
    private final Deque<Step.Meanwhile> meanwhile = new ArrayDeque<>();
    private int parks;
    private int parksOfStep;
    private Told told = new Told();
    private List<Request> requests = new ArrayList<>();
    private List<Call> calls = new ArrayList<>();
    private List<String> facts = new ArrayList<>();

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
        this.memory = new RealMemory(pages);
        pages.listener((role, order, entry, used, got) -> {
            requests.add(new Request(order, entry, used, got));
            if (got) {
                this.memory.served(role, order);
            }
        });
        for (int i = 0; i < Program.DOMAINS; i++) {
            domains.add(ReclaimDomain.of("domain-" + i));
        }
        program.shrinkers().forEach(c -> caches.add(new Cache(caches.size(), c)));
    }

    /// Where the last step put what it handed out.
    Told told() {
        return told;
    }

    Outcome run(Step step) {
        told = new Told();
        facts = new ArrayList<>();
        memory.beginStep(told, facts);
        requests = new ArrayList<>();
        calls = new ArrayList<>();
        parks = 0;
        parksOfStep = 0;
        Result result = resultOf(step);
        zone.drain();
        State after = new State(zone.free(), zone.highAtomicFrames(),
                caches.stream().map(c -> c.handle.deferred()).toList(),
                charged(), failed());
        return new Outcome(result, requests, calls, facts, after);
    }

    private Result resultOf(Step step) {
        try {
            return perform(step);
        } catch (Waits w) {
            return Result.WAITS;
        } catch (IllegalStateException | IllegalArgumentException misuse) {
            return Result.REFUSED;
        }
    }

    private List<Long> charged() {
        return groups.stream().map(g -> Frames.count(g.charged())).toList();
    }

    private List<Boolean> failed() {
        return groups.stream().map(MemGroup::failed).toList();
    }

    private Result perform(Step step) {
        return switch (step) {
            case Step.Alloc a -> keep(memory.take(Source.PAGES, a.order(), a.gfp()), false);
            case Step.Take t when t.source() == Source.MEMPOOL && !memory.hasReserve() ->
                    Result.REFUSED;
            case Step.Take t -> keep(memory.take(t.source(), t.size(), t.gfp()), true);
            case Step.Aligned a -> keep(memory.aligned(a.size(), a.alignment(), a.gfp()), true);
            case Step.Hold h -> hold(h.blocks());
            case Step.Free f -> free(f.which());
            case Step.Grow g -> grow(g);
            case Step.Drop d -> drop(caches.get(d.consumer()), d.objects());
            case Step.Open o -> open(o);
            case Step.Close _ -> close(scopes.poll());
            case Step.Limit l -> limit(l);
            case Step.Reset r -> {
                group(r.group()).reset();
                yield Result.NONE;
            }
            case Step.End e -> {
                group(e.group()).close();
                yield Result.NONE;
            }
            case Step.Create c -> create(c.parent());
            case Step.Reserve r -> memory.hasReserve() ? Result.NONE
                    : memory.makeReserve(r.minimum()) ? Result.GOT : Result.FAILED;
            case Step.Unreserve _ -> {
                memory.closeReserve();
                yield Result.NONE;
            }
            case Step.Meanwhile m -> {
                meanwhile.add(m);
                yield Result.NONE;
            }
            case Step.Background b -> {
                BackgroundRun.of(vmscan, b.order());
                yield Result.NONE;
            }
        };
    }

    /// Takes a step on a thread of its own, to its end, while this one is parked.
    private void onAnotherThread(Step step) {
        AtomicReference<@Nullable Throwable> thrown = new AtomicReference<>();
        Thread thread = new Thread(() -> {
            facts.add(Outcome.meanwhile(failed(), charged()));
            resultOf(step);
            memory.settle();
        }, "model-another");
        thread.setUncaughtExceptionHandler((_, t) -> thrown.set(t));
        thread.start();
        try {
            thread.join();
        } catch (InterruptedException e) {
            throw new AssertionError("interrupted while another thread runs", e);
        }
        Throwable t = thrown.get();
        if (t != null) {
            throw new AssertionError("another thread threw at " + step, t);
        }
    }

    private MemGroup group(int which) {
        return groups.get(which % groups.size());
    }

    private Result create(int parent) {
        if (groups.size() < Program.MOST_GROUPS) {
            groups.add(group(parent).create("group-" + groups.size()));
        }
        return Result.NONE;
    }

    private Call call(int number, boolean scan, ShrinkControl sc) {
        int group = groups.size() - 1;
        while (group >= 0 && groups.get(group).id() != sc.groupId()) {
            group--;
        }
        return new Call(number, group, scan, sc.toScan(), sc.gfp(), sc.mayWait());
    }

    private Result keep(@Nullable Block block, boolean described) {
        if (block == null) {
            return Result.FAILED;
        }
        kept.add(block);
        if (described) {
            facts.add(memory.describe(block));
        }
        return Result.GOT;
    }

    private Result grow(Step.Grow g) {
        Cache cache = caches.get(g.consumer());
        MemGroup entered = MemGroup.entered(Task.current(), groups.getFirst());
        MemGroup group = entered == null ? groups.getFirst() : entered;
        for (int i = 0; i < g.objects(); i++) {
            Block block = memory.take(cache.consumer.source(), cache.consumer.size(), g.gfp());
            if (block == null) {
                return Result.FAILED;
            }
            cache.objects.add(new Owned(block, group));
        }
        return g.objects() == 0 ? Result.NONE : Result.GOT;
    }

    private Result drop(Cache cache, int objects) {
        for (int i = 0; i < objects && !cache.objects.isEmpty(); i++) {
            memory.free(cache.removeLast(0));
            parks = 0;
        }
        return Result.NONE;
    }

    private Result hold(int blocks) {
        for (int i = 0; i < blocks; i++) {
            Block block = memory.take(Source.PAGES, Frames.MAX_ORDER, Gfp.NOWAIT);
            if (block != null) {
                held.add(block);
            }
        }
        return Result.NONE;
    }

    private Result limit(Step.Limit l) {
        MemGroup g = group(l.group());
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
            parks = 0;
            memory.free(kept.remove(which % kept.size()));
        }
        return Result.NONE;
    }

    private Result open(Step.Open o) {
        scopes.push(switch (o.scope()) {
            case NOFS -> MemallocScope.noFs("program");
            case NOIO -> MemallocScope.noIo("program");
            case NORECLAIM -> noreclaim();
            case EXCLUDING -> MemallocScope.excluding(domains.get(o.which()), "program");
            case GROUP -> group(o.which()).enter();
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

    /// Walks every invariant, gives everything back and walks again; what is broken, in words.
    Optional<String> verify() {
        try {
            walk();
            leaveScopes();
            kept.forEach(memory::free);
            held.forEach(memory::free);
            caches.forEach(c -> drop(c, Integer.MAX_VALUE));
            memory.closeReserve();
            InternalCaches.giveUp(shrinkers);
            zone.drain();
            walk();
        } catch (IllegalStateException broken) {
            return Optional.of("broken: " + broken.getMessage());
        }
        long lost = FRAMES - 1 - zone.free();
        return lost == 0 && groups.getFirst().charged() == 0 ? Optional.empty()
                : Optional.of("lost " + lost + " frames, charged " + charged());
    }

    private void walk() {
        pages.verify();
        memory.verify(groups.getFirst());
    }

    private void leaveScopes() {
        for (@Nullable AutoCloseable s = scopes.poll(); s != null; s = scopes.poll()) {
            close(s);
        }
    }

    @Override
    public void close() {
        leaveScopes();
        memory.close();
    }
}
