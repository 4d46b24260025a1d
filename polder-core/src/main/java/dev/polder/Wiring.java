package dev.polder;

import dev.polder.base.Frames;
import dev.polder.debug.Findings;
import dev.polder.gfp.PolderEvents;
import dev.polder.kv.KvAllocator;
import dev.polder.memgroup.MemGroup;
import dev.polder.os.Clock;
import dev.polder.os.ContainerLimit;
import dev.polder.os.MappingBudget;
import dev.polder.os.PoolMemory;
import dev.polder.page.PageAllocator;
import dev.polder.page.ZoneView;
import dev.polder.reclaim.Kswapd;
import dev.polder.reclaim.Vmscan;
import dev.polder.shrink.ShrinkerRegistry;
import dev.polder.slab.Kmalloc;
import dev.polder.slab.Slabs;
import dev.polder.stat.VmStat;
import dev.polder.vmalloc.Vmalloc;
import dev.polder.zone.CommitMarks;
import dev.polder.zone.Watermarks;
import dev.polder.zone.Zone;
import org.jspecify.annotations.Nullable;

/// The parts of one pool, bottom to top, each made of those before it.
///
/// @param memory the system's memory
/// @param stat the counters
/// @param shrinkers the consumers
/// @param vmscan direct reclaim
/// @param kswapd background reclaim
/// @param pages the page allocator
/// @param root the root memory group
/// @param slabs the object caches
/// @param kmalloc contiguous memory by size
/// @param mappings the process' share of mappings
/// @param vmalloc virtually contiguous memory
/// @param kv the two together
/// @param findings what debug mode and the sampler found
record Wiring(PoolMemory memory, VmStat stat, ShrinkerRegistry shrinkers, Vmscan vmscan,
        Kswapd kswapd, PageAllocator pages, MemGroup root, Slabs slabs, Kmalloc kmalloc,
        MappingBudget mappings, Vmalloc vmalloc, KvAllocator kv, Findings findings) {
    /// Vmalloc space for each byte of budget: areas of many sizes leave gaps, addresses are cheap.
    private static final long VMALLOC_SPACE_FACTOR = 4;
    /// More stripes than this hold frames back from the buddy for no gain.
    private static final int MAX_STRIPES = 16;

    static Wiring of(PolderConfig config) {
        long heap = Runtime.getRuntime().maxMemory();
        refuse(config, PolderConfig.complaintOnLimit(config.budget(), ContainerLimit.bytes()));
        refuse(config, PolderConfig.complaintOnHeap(config.budget(), heap));
        MappingBudget mappings = MappingBudget.ofSystem();
        long frames = config.budget() >> Frames.SHIFT;
        PoolMemory memory = PoolMemory.open(frames, config.budget() * VMALLOC_SPACE_FACTOR,
                config.portable(), mappings);
        try {
            return of(config, memory, mappings);
        } catch (OutOfMemoryError e) {
            memory.abandon();
            throw new IllegalStateException("pool '" + config.name() + "': "
                    + PolderConfig.heapText(config.budget(), heap), e);
        } catch (RuntimeException | Error e) {
            memory.abandon();
            throw e;
        }
    }

    private static void refuse(PolderConfig config, @Nullable String complaint) {
        if (complaint != null) {
            throw new IllegalStateException("pool '" + config.name() + "': " + complaint);
        }
    }

    private static Wiring of(PolderConfig config, PoolMemory memory, MappingBudget mappings) {
        Clock clock = config.clock();
        PolderEvents events = PolderEvents.reporter();
        VmStat stat = new VmStat();
        long managed = memory.frames() - 1;
        Watermarks marks = config.minFree() < 0
                ? Watermarks.of(managed)
                : Watermarks.ofMin(managed, config.minFree() >> Frames.SHIFT);
        Zone zone = new Zone(memory, marks, stripes(), commitMarks(config, memory), stat);
        ShrinkerRegistry shrinkers = new ShrinkerRegistry(config.name(), stat, clock, events);
        ZoneView view = new ZoneView(zone);
        Vmscan vmscan = new Vmscan(view, shrinkers, stat, clock);
        Kswapd kswapd = new Kswapd(config.name(), view, vmscan);
        MemGroup root = MemGroup.root(config.name());
        PageAllocator pages = new PageAllocator(new PageAllocator.Parts(config.name(), zone, memory,
                vmscan, kswapd, shrinkers, stat, clock, root, config.outOfMemoryPolicy()));
        Findings findings = new Findings(config.name());
        if (config.debug().on()) {
            pages.watch(findings);
        }
        Slabs slabs = new Slabs(pages, config.debug(), findings);
        slabs.sample(mappings, config.sampling(), findings);
        Kmalloc kmalloc = new Kmalloc(slabs);
        Vmalloc vmalloc = new Vmalloc(pages, mappings, kswapd::trim,
                config.debug().on() ? findings : null);
        KvAllocator kv = new KvAllocator(kmalloc, vmalloc);
        zone.tender(kswapd::tend);
        kswapd.start();
        return new Wiring(memory, stat, shrinkers, vmscan, kswapd, pages, root, slabs, kmalloc,
                mappings, vmalloc, kv, findings);
    }

    /// In portable mode what is given back stays with the process, and in debug mode the pattern
    /// in it would be lost: it is kept.
    private static CommitMarks commitMarks(PolderConfig config, PoolMemory memory) {
        long frames = memory.frames();
        if (!memory.canRemap() || config.debug().on()) {
            return CommitMarks.ofKeep(frames, frames);
        }
        return config.keepFree() < 0 ? CommitMarks.of(frames)
                : CommitMarks.ofKeep(frames, config.keepFree() >> Frames.SHIFT);
    }

    private static int stripes() {
        int cpus = Runtime.getRuntime().availableProcessors();
        return Math.min(MAX_STRIPES, Integer.highestOneBit(2 * cpus - 1) << 1);
    }
}
