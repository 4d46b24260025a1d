package dev.polder.page;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.PolderEvents;
import dev.polder.gfp.ReclaimDomain;
import dev.polder.memgroup.MemGroup;
import dev.polder.os.MappingBudget;
import dev.polder.os.PoolMemory;
import dev.polder.os.VirtualClock;
import dev.polder.reclaim.Kswapd;
import dev.polder.reclaim.Vmscan;
import dev.polder.shrink.ShrinkerHandle;
import dev.polder.shrink.ShrinkerRegistry;
import dev.polder.shrinker.ShrinkControl;
import dev.polder.shrinker.Shrinker;
import dev.polder.stat.VmStat;
import dev.polder.zone.Watermarks;
import dev.polder.zone.Zone;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// A page allocator over 16 MiB, or what is asked for, on virtual time, whose kswapd is there but
/// does not run unless a test starts it: what is seen was done by the thread that asked.
final class PageRig implements AutoCloseable {
    static final long MIN = 128;
    private static final int FRAMES = 4096;

    final VirtualClock clock = new VirtualClock();
    final VmStat stat = new VmStat();
    final PoolMemory memory;
    final Zone zone;
    final ShrinkerRegistry shrinkers =
            new ShrinkerRegistry("rig", stat, clock, PolderEvents.reporter());
    final Vmscan vmscan;
    final Kswapd kswapd;
    final MemGroup root = MemGroup.root("rig");
    final PageAllocator pages;
    private final List<Long> held = Collections.synchronizedList(new ArrayList<>());
    private volatile boolean released;

    PageRig() {
        this(FRAMES);
    }

    PageRig(int frames) {
        this(frames, OutOfMemoryPolicy.largestGroup());
    }

    PageRig(OutOfMemoryPolicy policy) {
        this(FRAMES, policy);
    }

    private PageRig(int frames, OutOfMemoryPolicy policy) {
        memory = PoolMemory.open(frames, 0, true, MappingBudget.of(16));
        zone = new Zone(memory, new Watermarks(MIN, 2 * MIN, 3 * MIN), 2);
        vmscan = new Vmscan(new ZoneView(zone), shrinkers, stat, clock);
        kswapd = new Kswapd("rig", new ZoneView(zone), vmscan);
        pages = new PageAllocator(new PageAllocator.Parts("rig", zone, memory, vmscan, kswapd,
                shrinkers, stat, clock, root, policy));
    }

    /// Takes runs of `order` under `gfp` until there are none, and keeps them.
    int fill(int order, int gfp) {
        int n = 0;
        for (long run = pages.alloc(order, gfp); run != 0; run = pages.alloc(order, gfp)) {
            held.add(run);
            n++;
        }
        return n;
    }

    /// Keeps a run that a test took itself.
    void keep(long run) {
        held.add(run);
    }

    /// Whether [#release] was called.
    boolean released() {
        return released;
    }

    /// Takes everything, reserves included.
    void exhaust(int gfp) {
        fill(0, gfp);
    }

    /// Gives `n` of the runs back that [#fill] took.
    void release(int n) {
        released = true;
        List<Long> some;
        synchronized (held) {
            List<Long> first = held.subList(0, Math.min(n, held.size()));
            some = new ArrayList<>(first);
            first.clear();
        }
        some.forEach(pages::free);
        zone.drain();
    }

    void releaseAll() {
        held.forEach(pages::free);
        held.clear();
        zone.drain();
    }

    /// Registers a shrinker whose `scan` is `f` and whose `count` is a constant.
    ShrinkerHandle shrinker(String name, @Nullable ReclaimDomain domain, long count,
            Function<ShrinkControl, Long> f) {
        return shrinkers.register(name, new Shrinker() {
            @Override
            public long count(ShrinkControl sc) {
                return count;
            }

            @Override
            public long scan(ShrinkControl sc) {
                return f.apply(sc);
            }
        }, domain, 2, 128, false, Frames.SIZE);
    }

    /// A cache whose pages belong to groups, and which gives those of the group it is asked for.
    GroupCache groupCache(String name) {
        return new GroupCache(name);
    }

    /// Pages of several groups, oldest first.
    final class GroupCache implements Shrinker {
        final Map<Long, Deque<Long>> runs = new ConcurrentHashMap<>();
        final List<Long> asked = new CopyOnWriteArrayList<>();
        final ShrinkerHandle handle;

        private GroupCache(String name) {
            handle = shrinkers.register(name, this, null, 2, 1, true, Frames.SIZE);
        }

        /// Takes `n` pages for `group`, charged to it.
        void fill(MemGroup group, int n) {
            try (var in = group.enter()) {
                assertThat(in).isNotNull();
                for (int i = 0; i < n; i++) {
                    long run = pages.alloc(0, Gfp.NOWAIT);
                    assertThat(run).isNotZero();
                    of(group.id()).add(run);
                }
            }
        }

        Deque<Long> of(long groupId) {
            return runs.computeIfAbsent(groupId, _ -> new ConcurrentLinkedDeque<>());
        }

        @Override
        public long count(ShrinkControl sc) {
            return sc.groupId() != 0 ? of(sc.groupId()).size()
                    : runs.values().stream().mapToLong(Deque::size).sum();
        }

        @Override
        public long scan(ShrinkControl sc) {
            asked.add(sc.groupId());
            long freed = 0;
            for (Map.Entry<Long, Deque<Long>> e : runs.entrySet()) {
                boolean wanted = sc.groupId() == 0 || sc.groupId() == e.getKey();
                for (Long run = 0L; wanted && freed < sc.toScan() && run != null;) {
                    run = e.getValue().poll();
                    if (run != null) {
                        pages.free(run);
                        freed++;
                    }
                }
            }
            return freed;
        }

        /// Gives everything back.
        void clear() {
            handle.close();
            runs.values().forEach(q -> q.forEach(pages::free));
            runs.clear();
        }
    }

    @Override
    public void close() {
        releaseAll();
        pages.verify();
        pages.close();
        memory.close();
    }
}
