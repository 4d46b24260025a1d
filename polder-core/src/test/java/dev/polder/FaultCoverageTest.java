package dev.polder;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.FaultCampaignTest.Operation;
import dev.polder.kv.KvAllocator;
import dev.polder.memgroup.MemGroup;
import dev.polder.mempool.MemPool;
import dev.polder.page.PageAllocator;
import dev.polder.slab.Kmalloc;
import dev.polder.slab.SlabCache;
import dev.polder.testkit.Row;
import dev.polder.vmalloc.Vmalloc;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// Every public operation of the doors to memory is tried by the campaign of [FaultCampaignTest],
/// or exempt for a reason that stands here: a new one belongs into one of the two lists.
@Row("L3")
final class FaultCoverageTest {
    private static final List<Class<?>> DOORS = List.of(Polder.class, PageAllocator.class,
            Kmalloc.class, Vmalloc.class, KvAllocator.class, SlabCache.class, MemPool.class,
            MemGroup.class);

    /// By operation of the campaign, the methods that it calls.
    private static final Map<String, List<String>> TRIED = Map.ofEntries(
            Map.entry("pages of order 0", List.of("Polder.pages()", "PageAllocator.alloc(int,int)",
                    "PageAllocator.free(long)")),
            Map.entry("kmalloc 100", List.of("Polder.kmalloc()", "Kmalloc.alloc(long,int)",
                    "Kmalloc.free(long)")),
            Map.entry("kmalloc aligned", List.of("Kmalloc.alloc(long,long,int)")),
            Map.entry("vmalloc 20000", List.of("Polder.vmalloc()", "Vmalloc.alloc(long,int)",
                    "Vmalloc.free(long)")),
            Map.entry("kvmalloc", List.of("Polder.kv()", "KvAllocator.alloc(long,int)",
                    "KvAllocator.free(long)")),
            Map.entry("allocate 20000", List.of("Polder.allocate(long,int)",
                    "Polder.free(MemorySegment)", "KvAllocator.free(long,long)",
                    "Kmalloc.tryFree(long)", "Kmalloc.tryFree(long,long)",
                    "Kmalloc.free(long,long)", "Kmalloc.takeKept(long,int)")),
            Map.entry("allocate for a group 1000000", List.of("Polder.group()",
                    "MemGroup.create(String)", "MemGroup.enter()", "MemGroup.charged()",
                    "MemGroup.tryCharge(long)", "MemGroup.charge(long)", "MemGroup.uncharge(long)",
                    "MemGroup.entered(Task,MemGroup)", "MemGroup.oweForHigh(long,long)",
                    "PageAllocator.charge(long,int)", "PageAllocator.uncharge(long)",
                    "PageAllocator.isCharged(long)", "PageAllocator.payer(Task,int)")),
            Map.entry("allocate for a group 1", List.of("MemGroup.takeObject(long)",
                    "MemGroup.addObject(long,long)", "MemGroup.dropObject(long)",
                    "PageAllocator.chargeObject(MemGroup,long,int)")),
            Map.entry("allocate aligned", List.of("Polder.allocate(long,long,int)")),
            Map.entry("try to allocate", List.of("Polder.tryAllocate(long,int)")),
            Map.entry("reallocate", List.of("Polder.reallocate(MemorySegment,long,int)",
                    "KvAllocator.resize(long,long)", "Kmalloc.resize(long,long)")),
            Map.entry("arena", List.of("Polder.arena(ArenaKind,int)")),
            Map.entry("cache", List.of("Polder.createCache(String,int)", "SlabCache.alloc(int)",
                    "SlabCache.free(long)", "SlabCache.close()")),
            Map.entry("memory pool", List.of("Polder.createMemPool(SlabCache,int)",
                    "MemPool.tryCreate(SlabCache,int)", "MemPool.alloc(int)", "MemPool.free(long)",
                    "MemPool.close()", "MemPool.verify()", "SlabCache.isHeldBy(Holder,long)",
                    "SlabCache.pass(long,Holder,Holder)")),
            Map.entry("register", List.of("Polder.register(ShrinkerSpec)")),
            Map.entry("group", List.of("MemGroup.close()", "MemGroup.max(long)",
                    "MemGroup.high(long)", "MemGroup.low(long)", "MemGroup.min(long)")),
            Map.entry("figures", List.of("Polder.memInfo()", "Polder.showMem()", "Polder.verify()",
                    "Polder.findings()", "Polder.explain(Throwable)", "Polder.config()")));

    /// By reason, the methods that are not tried there.
    private static final Map<String, List<String>> EXEMPT = Map.of(
            "goes on elsewhere, and has a test of its own there",
            List.of("Polder.allocateAsync(long,int)"),
            "opens or ends what every attempt has to itself",
            List.of("Polder.open(PolderConfig)", "Polder.close()", "PageAllocator.close()",
                    "PageAllocator.end()", "Vmalloc.close()", "MemGroup.root(String)",
                    "MemGroup.poolCloses()"),
            "is how the layers above ask, and is tried through them",
            List.of("PageAllocator.alloc(Role,int,int)", "PageAllocator.tryAlloc(Role,int,int)",
                    "PageAllocator.retryWait(int)", "PageAllocator.payForHigh(int)",
                    "Vmalloc.payForHigh(int)"),
            "sets what is asked, told or counted later",
            List.of("PageAllocator.above(Supplier)",
                    "PageAllocator.faultInjector(FaultInjector)",
                    "MemPool.faultInjector(FaultInjector)",
                    "PageAllocator.listener(PageRequestListener)", "PageAllocator.watch(Findings)",
                    "Polder.declareNonBlocking(Thread,NonBlockingPolicy)",
                    "MemGroup.whenFailed(Consumer)", "MemGroup.whenForgotten(Consumer)",
                    "MemGroup.count(Event)", "MemGroup.fail()", "MemGroup.reset()"),
            "walks what is there",
            List.of("Kmalloc.verify()", "KvAllocator.verify()", "PageAllocator.verify()",
                    "SlabCache.verify()", "Vmalloc.verify()", "PageAllocator.audit(ChargeAudit)",
                    "Kmalloc.forEachLarge(LargeVisitor)", "PageAllocator.forEachTrack(Consumer)",
                    "Vmalloc.forEachArea(AreaVisitor)", "Vmalloc.forEachTrack(Consumer)"),
            "names a part of the pool",
            List.of("Kmalloc.slabs()", "PageAllocator.clock()", "PageAllocator.frames()",
                    "PageAllocator.pool()",
                    "PageAllocator.memory()", "PageAllocator.reclaimer()",
                    "PageAllocator.shrinkers()", "PageAllocator.stat()", "PageAllocator.zone()",
                    "SlabCache.pages()", "SlabCache.slabs()", "Vmalloc.reclaimer()",
                    "Vmalloc.stat()", "MemGroup.children()", "MemGroup.current()",
                    "MemGroup.owner()", "MemGroup.parent()"),
            "looks an address or a run up",
            List.of("Kmalloc.owns(long)", "Kmalloc.requestedSize(long)",
                    "Kmalloc.usableSize(long)", "KvAllocator.isVmalloc(long)",
                    "KvAllocator.requestedSize(long)", "PageAllocator.address(long)",
                    "PageAllocator.pfnOf(long)", "Vmalloc.frameOf(long)", "Vmalloc.inRange(long)",
                    "Vmalloc.owns(long)", "Vmalloc.requestedSize(long)"),
            "reads a figure or a state",
            List.of("MemGroup.anyHigh()", "MemGroup.anyProtection()",
                    "MemGroup.events(Event)", "MemGroup.failed()",
                    "MemGroup.high()", "MemGroup.holds(MemGroup)", "MemGroup.id()",
                    "MemGroup.low()", "MemGroup.max()", "MemGroup.min()", "MemGroup.name()",
                    "MemGroup.objectBytes()", "MemGroup.path()", "MemGroup.peak()",
                    "MemGroup.refused()", "MemGroup.toString()", "MemPool.inUse()",
                    "MemPool.minimum()", "MemPool.reserved()", "MemPool.toString()",
                    "MemPool.waiting()", "MemPool.waits()", "PageAllocator.closing()",
                    "PageAllocator.ended()", "PageAllocator.requireMemory()",
                    "PageAllocator.requireOpen()", "SlabCache.name()",
                    "SlabCache.objectSize()", "SlabCache.stats()", "SlabCache.toString()",
                    "Vmalloc.frames()", "Vmalloc.lazyBytes()", "Vmalloc.liveBytes()",
                    "Vmalloc.pageTableFrames()"));

    private static Stream<String> listed() {
        return Stream.of(TRIED, EXEMPT).flatMap(m -> m.values().stream())
                .flatMap(Collection::stream);
    }

    private static String signature(Method m) {
        return m.getDeclaringClass().getSimpleName() + "." + m.getName()
                + Arrays.stream(m.getParameterTypes()).map(Class::getSimpleName)
                        .collect(Collectors.joining(",", "(", ")"));
    }

    private static Set<String> operations(List<Class<?>> doors) {
        Set<String> all = new TreeSet<>();
        for (Class<?> door : doors) {
            for (Method m : door.getDeclaredMethods()) {
                if (Modifier.isPublic(m.getModifiers()) && !m.isSynthetic()) {
                    all.add(signature(m));
                }
            }
        }
        return all;
    }

    @Test
    void everyPublicOperationIsTriedOrExemptForAReason() {
        assertThat(listed()).as("once, and none that is gone")
                .containsExactlyInAnyOrderElementsOf(operations(DOORS));
    }

    @Test
    void whatIsSaidToBeTriedIsThere() {
        Set<String> there = Stream.concat(FaultCampaignTest.operations(),
                FaultCampaignTest.quietOperations().stream())
                .map(Operation::name).collect(Collectors.toSet());
        assertThat(there).containsAll(TRIED.keySet());
    }

    /// A door with an operation that stands in neither list.
    public static final class NewDoor {
        private NewDoor() {}

        /// Takes memory.
        ///
        /// @param size in bytes
        public static long take(long size) {
            return size;
        }
    }

    /// The canary.
    @Test
    void aNewOperationIsNoticed() {
        Set<String> more = operations(List.of(NewDoor.class));
        assertThat(more).containsExactly("NewDoor.take(long)");
        assertThat(listed()).doesNotContainAnyElementsOf(more);
    }
}
