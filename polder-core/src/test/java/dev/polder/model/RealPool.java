package dev.polder.model;

import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.Memalloc;
import dev.polder.gfp.MemallocScope;
import dev.polder.gfp.PolderEvents;
import dev.polder.gfp.ReclaimDomain;
import dev.polder.memgroup.MemGroup;
import dev.polder.model.Outcome.Call;
import dev.polder.model.Outcome.Result;
import dev.polder.model.Program.Consumer;
import dev.polder.model.Program.Step;
import dev.polder.os.Clock;
import dev.polder.os.PoolMemory;
import dev.polder.page.OutOfMemoryPolicy;
import dev.polder.page.PageAllocator;
import dev.polder.page.ZoneView;
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

/// The real zone, reclaim and page allocator, with the consumers of a program, on one thread: time
/// passes when the thread parks, and a thread that parks over and over and frees nothing waits for
/// ever.
final class RealPool implements AutoCloseable {
    static final int FRAMES = 2048;
    static final long MIN = 48;
    static final long LOW = 72;
    static final long HIGH = 96;
    /// Parks with nothing freed between them after which a request waits for ever: no request that
    /// ends by itself parks half as often.
    private static final int ENOUGH = 400;

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
            now += Math.max(nanos, TICK_NANOS);
            if (++parks > ENOUGH) {
                throw new Waits();
            }
        }

        @Override
        public void unpark(Thread thread) {
            throw new AssertionError("there is one thread only");
        }
    }

    private final class Cache implements Shrinker {
        final int number;
        final Consumer consumer;
        final ShrinkerHandle handle;
        final List<Long> objects = new ArrayList<>();
        int scans;

        Cache(int number, Consumer consumer) {
            this.number = number;
            this.consumer = consumer;
            this.handle = shrinkers.register("consumer-" + number, this,
                    consumer.domain() < 0 ? null : domains.get(consumer.domain()),
                    consumer.seeks(), consumer.batch(), false,
                    Frames.SIZE << consumer.order());
        }

        @Override
        public long count(ShrinkControl sc) {
            calls.add(new Call(number, false, sc.toScan(), sc.gfp(), sc.mayWait()));
            return switch (consumer.temper()) {
                case HIDES -> 0;
                case SAYS_EMPTY -> EMPTY;
                default -> objects.size();
            };
        }

        @Override
        public long scan(ShrinkControl sc) {
            calls.add(new Call(number, true, sc.toScan(), sc.gfp(), sc.mayWait()));
            Temper.Answer answer = consumer.temper().scan(sc.gfp(), sc.mayWait(), sc.toScan(),
                    objects.size(), scans++);
            if (answer.throwing()) {
                throw new IllegalStateException("the program says so");
            }
            if (answer.stop()) {
                return STOP;
            }
            if (answer.allocates()) {
                take(0, Gfp.KERNEL, kept);
            }
            for (long i = 0; i < answer.frees(); i++) {
                pages.free(objects.removeLast());
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
    private final List<ReclaimDomain> domains = new ArrayList<>();
    private final List<Cache> caches = new ArrayList<>();
    private final List<Long> kept = new ArrayList<>();
    private final Deque<AutoCloseable> scopes = new ArrayDeque<>();
    private int parks;
    private List<Long> placed = new ArrayList<>();
    private List<Call> calls = new ArrayList<>();

    RealPool(Program program, PoolMemory memory) {
        this.zone = new Zone(memory, new Watermarks(MIN, LOW, HIGH), 1);
        Vmscan vmscan = new Vmscan(new ZoneView(zone), shrinkers, stat, clock);
        this.pages = new PageAllocator(new PageAllocator.Parts("model", zone, memory, vmscan,
                new Kswapd("model", new ZoneView(zone), vmscan), shrinkers, stat, clock,
                MemGroup.root("model"), OutOfMemoryPolicy.largestGroup()));
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
        calls = new ArrayList<>();
        parks = 0;
        Result result;
        try {
            result = switch (step) {
                case Step.Alloc a -> take(a.order(), a.gfp(), kept);
                case Step.Free f -> free(f.which());
                case Step.Grow g -> grow(g);
                case Step.Open o -> open(o);
                case Step.Close _ -> close(scopes.pop());
            };
        } catch (Waits w) {
            result = Result.WAITS;
        }
        zone.drain();
        return new Outcome(result, List.copyOf(calls),
                caches.stream().map(c -> c.handle.deferred()).toList(), zone.free());
    }

    private Result take(int order, int gfp, List<Long> into) {
        long run = pages.alloc(order, gfp);
        if (run == 0) {
            return Result.FAILED;
        }
        placed.add(run);
        into.add(run);
        return Result.GOT;
    }

    private Result grow(Step.Grow g) {
        Cache cache = caches.get(g.consumer());
        Result result = Result.NONE;
        for (int i = 0; i < g.objects(); i++) {
            result = take(cache.consumer.order(), g.gfp(), cache.objects);
            if (result != Result.GOT) {
                break;
            }
        }
        return result;
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
            case EXCLUDING -> MemallocScope.excluding(domains.get(o.domain()), "program");
        });
        return Result.NONE;
    }

    private static AutoCloseable noreclaim() {
        int token = Memalloc.noreclaimSave();
        return () -> Memalloc.noreclaimRestore(token);
    }

    private static Result close(AutoCloseable scope) {
        try {
            scope.close();
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
