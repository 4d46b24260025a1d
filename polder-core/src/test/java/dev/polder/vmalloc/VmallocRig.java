package dev.polder.vmalloc;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.PolderEvents;
import dev.polder.memgroup.MemGroup;
import dev.polder.os.Clock;
import dev.polder.os.MappingBudget;
import dev.polder.os.PoolMemory;
import dev.polder.os.RefusingCalls;
import dev.polder.page.OutOfMemoryPolicy;
import dev.polder.page.PageAllocator;
import dev.polder.page.Role;
import dev.polder.page.ZoneView;
import dev.polder.reclaim.Kswapd;
import dev.polder.reclaim.Vmscan;
import dev.polder.shrink.InternalReclaimer;
import dev.polder.shrink.ShrinkerRegistry;
import dev.polder.stat.VmStat;
import dev.polder.zone.Watermarks;
import dev.polder.zone.Zone;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/// A pool wired by hand up to vmalloc, whose system calls can be refused and whose page requests
/// are recorded. kswapd is there but never runs.
public final class VmallocRig implements AutoCloseable {
    /// One page request.
    public record Request(Role role, int order, int entry, int used, boolean got) {}

    /// The pool's size unless a test says otherwise: 32 MiB.
    public static final long FRAMES = 8192;
    /// The marks are low, so that a test can use nearly all.
    private static final long MIN = 16;

    public final RefusingCalls calls = new RefusingCalls();
    public final MappingBudget budget;
    public final PoolMemory memory;
    public final Zone zone;
    public final VmStat stat = new VmStat();
    public final Vmscan vmscan;
    public final PageAllocator pages;
    public final MemGroup root = MemGroup.root("vmalloc-test");
    public final Vmalloc vmalloc;
    /// Takes all there is, the reserve too, without reclaim and without waking anybody.
    private static final int SILENT = Gfp.NOWARN | Gfp.MEMALLOC;

    private final List<Request> requests = new ArrayList<>();
    private int wakes;

    public VmallocRig() {
        this(FRAMES, 128L << 20, 10_000, Clock.system(), false);
    }

    public VmallocRig(long frames, long space, int mappings, Clock clock, boolean portable) {
        budget = MappingBudget.of(mappings);
        memory = portable ? PoolMemory.open(frames, space, true, budget)
                : calls.open(frames, space, budget);
        zone = new Zone(memory, new Watermarks(MIN, 2 * MIN, 3 * MIN), 2);
        ShrinkerRegistry shrinkers = new ShrinkerRegistry("vmalloc-test", stat, clock,
                PolderEvents.reporter());
        ZoneView view = new ZoneView(zone);
        vmscan = new Vmscan(view, shrinkers, stat, clock);
        Kswapd kswapd = new Kswapd("vmalloc-test", view, vmscan);
        pages = new PageAllocator(new PageAllocator.Parts("vmalloc-test", zone, memory, vmscan,
                kswapd, shrinkers, stat, clock, root, OutOfMemoryPolicy.largestGroup()));
        vmalloc = new Vmalloc(pages, budget, () -> wakes++);
        pages.listener(this::record);
    }

    private synchronized void record(Role role, int order, int entry, int used, boolean got) {
        requests.add(new Request(role, order, entry, used, got));
    }

    /// The page requests since the last call.
    public synchronized List<Request> taken() {
        List<Request> out = List.copyOf(requests);
        requests.clear();
        return out;
    }

    /// Those of one role.
    public List<Request> taken(Role role) {
        return taken().stream().filter(r -> r.role() == role).toList();
    }

    /// How often a free asked for background reclaim.
    public int wakes() {
        return wakes;
    }

    /// Takes every frame and gives every second one back: what is left is single frames.
    ///
    /// @return the frames held
    public List<Long> fragment() {
        List<Long> taken = new ArrayList<>();
        for (long run = pages.alloc(0, SILENT); run != 0; run = pages.alloc(0, SILENT)) {
            taken.add(run);
        }
        List<Long> held = new ArrayList<>();
        for (long run : taken) {
            if (run % 2 == 0) {
                pages.free(run);
            } else {
                held.add(run);
            }
        }
        zone.drain();
        taken();
        return held;
    }

    /// Takes what there is.
    public List<Long> exhaust() {
        List<Long> held = new ArrayList<>();
        for (long run = pages.alloc(0, SILENT); run != 0; run = pages.alloc(0, SILENT)) {
            held.add(run);
        }
        taken();
        return held;
    }


    public void free(List<Long> runs) {
        runs.forEach(pages::free);
        zone.drain();
    }

    /// Gives lazily freed areas back, as reclaim does first.
    public long purge() {
        InternalReclaimer lazy = new LazyAreaReclaimer(vmalloc);
        assertThat(lazy.phase()).isEqualTo(InternalReclaimer.Phase.BEFORE_CONSUMERS);
        return lazy.reclaim(Long.MAX_VALUE);
    }

    public void write(long address, long value) {
        memory.segment().set(ValueLayout.JAVA_LONG_UNALIGNED, address - memory.base(), value);
    }

    public long read(long address) {
        return memory.segment().get(ValueLayout.JAVA_LONG_UNALIGNED, address - memory.base());
    }

    /// Writes a pattern into every frame of an area.
    public void fill(long address, long bytes, long seed) {
        for (long at = 0; at < bytes; at += 512) {
            write(address + at, seed + at);
        }
    }

    /// Checks what [#fill] wrote.
    public void assertFilled(long address, long bytes, long seed) {
        for (long at = 0; at < bytes; at += 512) {
            if (read(address + at) != seed + at) {
                assertThat(read(address + at)).as("offset %d", at).isEqualTo(seed + at);
            }
        }
    }

    /// Frames in use.
    public long used() {
        return zone.used();
    }

    public void verify() {
        vmalloc.verify();
        pages.verify();
    }

    /// Everything freed: purged, no frame is used, no mapping is paid for.
    public void assertNothingLeaked() {
        purge();
        verify();
        assertThat(vmalloc.liveBytes()).isZero();
        assertThat(vmalloc.lazyBytes()).isZero();
        assertThat(vmalloc.pageTableFrames()).isZero();
        assertThat(used()).as("frames in use").isZero();
        if (memory.canRemap()) {
            assertThat(budget.used()).as("mappings").isEqualTo(3);
        }
        assertThat(Frames.bytes(vmalloc.frames())).isZero();
    }

    @Override
    public void close() {
        pages.listener(null);
        pages.close();
        memory.close();
        vmalloc.close();
    }
}
