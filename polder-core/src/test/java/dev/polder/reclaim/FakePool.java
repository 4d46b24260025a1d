package dev.polder.reclaim;

import dev.polder.gfp.PolderEvents;
import dev.polder.gfp.ReclaimDomain;
import dev.polder.os.Clock;
import dev.polder.os.VirtualClock;
import dev.polder.shrink.ShrinkerHandle;
import dev.polder.shrink.ShrinkerRegistry;
import dev.polder.shrinker.ShrinkControl;
import dev.polder.shrinker.Shrinker;
import dev.polder.stat.VmStat;
import dev.polder.task.Task;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.LongUnaryOperator;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/// A zone that is only figures, caches that are only counts, and real reclaim over them, on virtual
/// time. One object is one frame.
final class FakePool implements AutoCloseable {

    static final long MIN = 100;
    static final long LOW = 150;
    static final long HIGH = 200;

    final VirtualClock clock = new VirtualClock();
    final VmStat stat = new VmStat();
    final AtomicLong free = new AtomicLong();
    final List<String> stuck = new CopyOnWriteArrayList<>();
    final List<Throwable> trouble = new CopyOnWriteArrayList<>();
    final ReclaimZone zone = new ReclaimZone() {
        @Override
        public Object frames() {
            return this;
        }

        @Override
        public long freeFrames() {
            Error broken = zoneBroken;
            if (broken != null) {
                throw broken;
            }
            return free.get();
        }

        @Override
        public long minFrames() {
            return MIN;
        }

        @Override
        public long lowFrames() {
            return LOW;
        }

        @Override
        public long highFrames() {
            return HIGH;
        }

        @Override
        public boolean balanced(int order) {
            return freeFrames() > HIGH && order < scatteredFrom;
        }

        @Override
        public long tend(long now) {
            return tending.applyAsLong(now);
        }
    };
    /// The virtual clock, whose parks a test can break.
    private final Clock brittle = new Clock() {
        @Override
        public long nanos() {
            return clock.nanos();
        }

        @Override
        public void park(Object blocker, long nanos) {
            lastParked = Thread.currentThread();
            clock.park(blocker, nanos);
            Error broken = parkBroken;
            if (broken != null && brokenParks.getAndDecrement() > 0) {
                throw broken;
            }
        }

        @Override
        public void unpark(Thread thread) {
            clock.unpark(thread);
        }
    };
    final ShrinkerRegistry registry = new ShrinkerRegistry("fake", stat, brittle, new Listener());
    final Vmscan vmscan = new Vmscan(zone, registry, stat, brittle);
    final Kswapd kswapd = new Kswapd("fake", zone, vmscan);
    /// The first order of which no block is free, however many frames are.
    volatile int scatteredFrom = Integer.MAX_VALUE;
    /// What the zone does, and answers, when it is tended.
    volatile LongUnaryOperator tending = _ -> 0;
    volatile @Nullable Error zoneBroken;
    volatile @Nullable Error parkBroken;
    /// How many parks throw that yet.
    final AtomicInteger brokenParks = new AtomicInteger(Integer.MAX_VALUE);
    volatile @Nullable Thread lastParked;

    /// A cache that gives its objects when asked, unless a test says otherwise.
    final class Cache implements Shrinker {

        /// What a callback was told.
        record Call(int gfp, boolean mayWait, boolean background, Thread thread) {
        }

        final ShrinkerHandle handle;
        final AtomicLong objects;
        /// Many: a list that is copied for each would take minutes where nothing is given.
        final Deque<Call> scans = new ConcurrentLinkedDeque<>();
        volatile ToLongFunction<ShrinkControl> scan = this::give;

        private Cache(String name, long objects, @Nullable ReclaimDomain domain) {
            this.objects = new AtomicLong(objects);
            this.handle = registry.register(name, this, domain, 2, 128, false, 4096);
        }

        @Override
        public long count(ShrinkControl sc) {
            return objects.get();
        }

        @Override
        public long scan(ShrinkControl sc) {
            scans.add(new Call(sc.gfp(), sc.mayWait(), sc.background(), Thread.currentThread()));
            return scan.applyAsLong(sc);
        }

        long give(ShrinkControl sc) {
            return free(Math.min(sc.toScan(), objects.get()));
        }

        long free(long n) {
            objects.addAndGet(-n);
            freeFrames(n);
            return n;
        }
    }

    private final class Listener implements PolderEvents {

        @Override
        public void shrinkerStuck(String pool, String shrinker, String detail, long millis) {
            stuck.add(shrinker + ": " + detail);
        }

        @Override
        public void trouble(String pool, String what, @Nullable Throwable thrown) {
            if (thrown != null) {
                trouble.add(thrown);
            }
        }

        @Override
        public void shrinkerThrew(String pool, String shrinker, Throwable thrown,
                boolean quarantined) {
            trouble.add(thrown);
        }
    }

    Cache cache(String name, long objects) {
        return new Cache(name, objects, null);
    }

    Cache cache(String name, long objects, ReclaimDomain domain) {
        return new Cache(name, objects, domain);
    }

    /// What the zone does when the calling thread frees frames.
    void freeFrames(long frames) {
        free.addAndGet(frames);
        Task task = Task.current();
        if (task.inReclaim()) {
            task.addReclaimed(frames);
        }
    }

    /// Waits until something is so; fails if it is not within the patience of a person.
    static void await(BooleanSupplier condition) {
        long end = System.nanoTime() + 20_000_000_000L;
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - end > 0) {
                throw new AssertionError("still not so after 20 s");
            }
            LockSupport.parkNanos(50_000);
        }
    }

    /// Waits until the n-th park since the clock began has been entered, and some thread is parked.
    void awaitParks(long n) {
        await(() -> clock.parks() >= n);
        clock.awaitParked(1);
    }

    @Override
    public void close() {
        vmscan.closing();
        kswapd.close();
        assert registry.isolatedObjects() == 0 : "nothing stays isolated";
    }
}
