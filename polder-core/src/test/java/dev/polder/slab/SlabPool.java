package dev.polder.slab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.base.Frames;
import dev.polder.gfp.PolderEvents;
import dev.polder.memgroup.MemGroup;
import dev.polder.os.Clock;
import dev.polder.os.MappingBudget;
import dev.polder.os.PoolMemory;
import dev.polder.page.OutOfMemoryPolicy;
import dev.polder.page.PageAllocator;
import dev.polder.page.PageRequestListener;
import dev.polder.page.Role;
import dev.polder.page.ZoneView;
import dev.polder.reclaim.Kswapd;
import dev.polder.reclaim.Vmscan;
import dev.polder.shrink.ShrinkerRegistry;
import dev.polder.stat.VmStat;
import dev.polder.zone.Watermarks;
import dev.polder.zone.Zone;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/// A pool wired by hand up to the object caches, in portable mode, with a record of its page
/// requests.
public final class SlabPool implements AutoCloseable {
    /// One page request.
    public record Request(Role role, int order, int entry, int used, boolean got) {
    }

    private final PoolMemory memory;
    private final Zone zone;
    private final Vmscan vmscan;
    private final Kswapd kswapd;
    private final PageAllocator pages;
    private final Slabs slabs;
    private final MemGroup root = MemGroup.root("slab-test");
    private final List<Request> requests = new ArrayList<>();

    /// A pool of `mib` MiB.
    public SlabPool(int mib) {
        this(mib, Clock.system());
    }

    /// A pool of `mib` MiB on `clock`.
    public SlabPool(int mib, Clock clock) {
        memory = PoolMemory.open((long) mib << 20 >> Frames.SHIFT, 0, true, MappingBudget.of(64));
        zone = new Zone(memory, Watermarks.of(memory.frames() - 1), 4);
        VmStat stat = new VmStat();
        ShrinkerRegistry shrinkers = new ShrinkerRegistry("slab-test", stat, clock,
                PolderEvents.reporter());
        ZoneView view = new ZoneView(zone);
        vmscan = new Vmscan(view, shrinkers, stat, clock);
        kswapd = new Kswapd("slab-test", view, vmscan);
        pages = new PageAllocator(new PageAllocator.Parts("slab-test", zone, memory, vmscan, kswapd,
                shrinkers, stat, clock, root, OutOfMemoryPolicy.largestGroup()));
        slabs = new Slabs(pages);
    }

    /// The page allocator.
    public PageAllocator pages() {
        return pages;
    }

    /// The caches' root.
    public Slabs slabs() {
        return slabs;
    }

    /// The root memory group.
    public MemGroup root() {
        return root;
    }

    /// Reclaim.
    public Vmscan vmscan() {
        return vmscan;
    }

    /// Records page requests from now on, on any thread.
    public void record() {
        record((_, _, _, _, _) -> { });
    }

    /// Records page requests from now on and passes them on to `also`.
    public void record(PageRequestListener also) {
        requests.clear();
        pages.listener((role, order, entry, used, got) -> {
            synchronized (requests) {
                requests.add(new Request(role, order, entry, used, got));
            }
            also.request(role, order, entry, used, got);
        });
    }

    /// The requests recorded since the last call.
    public List<Request> taken() {
        synchronized (requests) {
            List<Request> out = List.copyOf(requests);
            requests.clear();
            return out;
        }
    }

    /// Writes a long into an object.
    public void write(long address, long value) {
        memory.segment().set(ValueLayout.JAVA_LONG_UNALIGNED, address - memory.base(), value);
    }

    /// Reads a long from an object.
    public long read(long address) {
        return memory.segment().get(ValueLayout.JAVA_LONG_UNALIGNED, address - memory.base());
    }

    /// Writes one byte.
    public void writeByte(long address, int value) {
        memory.segment().set(ValueLayout.JAVA_BYTE, address - memory.base(), (byte) value);
    }

    /// Reads one byte.
    public int readByte(long address) {
        return memory.segment().get(ValueLayout.JAVA_BYTE, address - memory.base());
    }

    /// Frames in use.
    public long used() {
        return zone.used();
    }

    /// Gives every cached object and empty slab up and checks that no frame is in use.
    public void assertNothingLeaked() {
        slabs.shrinkAll();
        slabs.verify();
        pages.verify();
        assertThat(slabs.stats()).allSatisfy(s -> assertThat(s.objects()).as(s.name()).isZero());
        assertThat(zone.used()).as("frames in use").isZero();
    }

    /// Verifies and closes.
    @Override
    public void close() {
        pages.listener(null);
        slabs.verify();
        pages.verify();
        kswapd.close();
        pages.close();
        slabs.close();
        memory.close();
    }
}
