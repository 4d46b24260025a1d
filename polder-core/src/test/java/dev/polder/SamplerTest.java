package dev.polder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.polder.base.Frames;
import dev.polder.debug.FaultInjector;
import dev.polder.debug.MemoryCorruptedException;
import dev.polder.debug.Sampling;
import dev.polder.gfp.Gfp;
import dev.polder.memgroup.MemGroup;
import dev.polder.mempool.MemPool;
import dev.polder.os.ChildJvm;
import dev.polder.os.VirtualClock;
import dev.polder.slab.SlabCache;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.IntSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The sampler: which objects lie between guards, what of them is checked on free, and, in a child
/// process, what a touch of a guard says.
@Tag("remapping")
final class SamplerTest {
    private static final Sampling ALWAYS = new Sampling(1, 0);

    private final Polder pool = open(ALWAYS);

    private static Polder open(Sampling sampling) {
        return Polder.open(PolderConfig.builder().name("sampled").budget(32L << 20)
                .sampling(sampling).build());
    }

    @BeforeEach
    void onlyWhereFramesCanBeMapped() {
        assumeTrue(pool.memInfo().mode().equals("linux"));
    }

    @AfterEach
    void close() {
        pool.verify();
        pool.close();
    }

    private static boolean isSampled(Polder pool, long address) {
        return address >= pool.pages().memory().sampleStart();
    }

    @SuppressWarnings("restricted") // the stray pointer
    private static MemorySegment segmentAt(long address, long size) {
        return MemorySegment.ofAddress(address).reinterpret(size);
    }

    /// `verify` counts the slots.
    @Test
    void aRequestThatThrowsLosesNoSlot() {
        pool.pages().listener((_, _, _, _, _) -> {
            throw new IllegalStateException("listener");
        });
        assertThatThrownBy(() -> pool.kmalloc().alloc(64, Gfp.KERNEL)).hasMessage("listener");
        pool.pages().listener(null);
        pool.verify();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 8, 33, 100, 192, 1000, 4096})
    void aSampledObjectIsLikeAnyOther(int size) {
        long before = pool.memInfo().used();
        List<MemorySegment> held = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            MemorySegment s = pool.allocate(size, Gfp.KERNEL | Gfp.ZERO);
            assertThat(isSampled(pool, s.address())).isTrue();
            assertThat(s.byteSize()).isEqualTo(size);
            assertThat(s.toArray(ValueLayout.JAVA_BYTE)).containsOnly(0);
            s.fill((byte) 7);
            assertThat(pool.kmalloc().owns(s.address())).isTrue();
            assertThat(pool.kmalloc().requestedSize(s.address())).isEqualTo(size);
            assertThat(pool.kmalloc().usableSize(s.address())).isEqualTo(size);
            assertThat(s.address() % Math.min(4096, Integer.lowestOneBit(size))).isZero();
            held.add(s);
        }
        pool.verify();
        assertThat(held.get(0).address() % Frames.SIZE).as("one at the end, one at the beginning")
                .isNotEqualTo(size == 4096 ? 1 : held.get(1).address() % Frames.SIZE);
        MemorySegment moved = pool.reallocate(held.removeFirst(), size + 1, Gfp.KERNEL);
        assertThat(moved.get(ValueLayout.JAVA_BYTE, size - 1)).isEqualTo((byte) 7);
        pool.free(moved);
        held.forEach(pool::free);
        pool.parts().slabs().shrinkAll();
        assertThat(pool.memInfo().used()).isEqualTo(before);
    }

    @Test
    void aGroupPaysForASampledObjectAsForAnyOther() {
        SlabCache cache = pool.createCache("things", 1000);
        MemGroup query = pool.group().create("query").max(Frames.SIZE);
        List<Long> held = new ArrayList<>();
        try (var in = query.enter()) {
            assertThat(in).isNotNull();
            for (int i = 0; i < 4; i++) {
                held.add(cache.alloc(Gfp.KERNEL));
                assertThat(isSampled(pool, held.getLast())).isTrue();
                assertThat(query.objectBytes()).isEqualTo((i + 1) * 1000L);
            }
            assertThat(cache.alloc(Gfp.KERNEL | Gfp.NORETRY)).as("the limit refuses").isZero();
        }
        assertThat(query.objectBytes()).as("nothing is charged for what was refused")
                .isEqualTo(4000);
        pool.verify();
        for (long address : held) {
            cache.free(address);
        }
        assertThat(query.charged()).isZero();
        pool.verify();
        cache.close();
    }

    /// Nobody but the reserve itself holds what lies in it.
    @Test
    void aReserveDoesNotPayWithItsBorrowersGroup() {
        SlabCache cache = pool.createCache("things", 1000);
        MemGroup query = pool.group().create("query");
        MemPool reserve;
        try (var in = query.enter()) {
            assertThat(in).isNotNull();
            reserve = pool.createMemPool(cache, 2);
            assertThat(query.charged()).isZero();
            long a = reserve.alloc(Gfp.KERNEL);
            assertThat(isSampled(pool, a)).isTrue();
            reserve.free(a);
        }
        assertThat(query.charged()).isZero();
        reserve.close();
        cache.close();
    }

    @Test
    void cachesAndMemoryPoolsTakeThemAsTheirOwn() {
        SlabCache cache = pool.createCache("things", 40);
        MemPool reserve = pool.createMemPool(cache, 2);
        long a = cache.alloc(Gfp.KERNEL);
        assertThat(isSampled(pool, a)).isTrue();
        assertThat(cache.stats().activeObjects()).isEqualTo(3);
        assertThatThrownBy(cache::close).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> pool.kmalloc().free(a))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("things");
        long b = reserve.alloc(Gfp.KERNEL);
        assertThatThrownBy(() -> cache.free(b)).isInstanceOf(IllegalArgumentException.class);
        reserve.free(b);
        cache.free(a);
        reserve.close();
        cache.close();
    }

    @Test
    void aWrongFreeNamesBothStacks() {
        long a = pool.kmalloc().alloc(100, Gfp.KERNEL);
        for (long offset : new long[] {-1, 1, 99, 100, 4096}) {
            assertThatThrownBy(() -> pool.kmalloc().free(a + offset))
                    .isInstanceOf(IllegalArgumentException.class);
        }
        pool.kmalloc().free(a);
        assertThatThrownBy(() -> pool.kmalloc().free(a))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("0x" + Long.toHexString(a))
                .hasMessageContaining("sampled object of 100 bytes")
                .hasMessageContaining("freed already")
                .hasMessageContaining("allocated by thread")
                .hasMessageContaining("freed by thread")
                .hasMessageContaining("aWrongFreeNamesBothStacks");
    }

    @Test
    void whatIsWrittenBesideIsFoundOnFree() {
        for (int i = 0; i < 2; i++) {
            long a = pool.kmalloc().alloc(100, Gfp.KERNEL);
            boolean atEnd = a % Frames.SIZE != 0;
            segmentAt(atEnd ? a - 3 : a + 100, 1).set(ValueLayout.JAVA_BYTE, 0, (byte) 1);
            assertThatThrownBy(pool::verify).isInstanceOf(MemoryCorruptedException.class);
            assertThatThrownBy(() -> pool.kmalloc().free(a))
                    .isInstanceOf(MemoryCorruptedException.class)
                    .hasMessageContaining(atEnd ? "3 bytes before the beginning"
                            : "0 bytes behind the end")
                    .hasMessageContaining("whatIsWrittenBesideIsFoundOnFree");
        }
        assertThat(pool.findings()).hasSize(4);
    }

    @Test
    void aFreedPageIsUsedAgainAfterAllOthers() {
        Set<Long> pages = new HashSet<>();
        long first = pool.kmalloc().alloc(8, Gfp.KERNEL) & -Frames.SIZE;
        pool.kmalloc().free(first + Frames.SIZE - 8);
        int slots = (32 << 20) / 4096 / 256;
        for (int i = 0; i < slots - 1; i++) {
            long a = pool.kmalloc().alloc(8, Gfp.KERNEL);
            pages.add(a & -Frames.SIZE);
            pool.kmalloc().free(a);
        }
        assertThat(pages).hasSize(slots - 1).doesNotContain(first);
        long again = pool.kmalloc().alloc(8, Gfp.KERNEL);
        assertThat(again & -Frames.SIZE).isEqualTo(first);
        pool.kmalloc().free(again);
    }

    @Test
    void withoutSlotOrFrameTheObjectComesFromASlab() {
        List<Long> held = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            held.add(pool.kmalloc().alloc(4096, Gfp.KERNEL));
        }
        assertThat(held).anySatisfy(a -> assertThat(isSampled(pool, a)).isTrue())
                .anySatisfy(a -> assertThat(isSampled(pool, a)).isFalse());
        pool.verify();
        held.forEach(pool.kmalloc()::free);
        SlabCache cache = pool.createCache("fresh", 24);
        pool.pages().faultInjector((_, order, gfp) -> order == 0 && (gfp & Gfp.NOWARN) != 0);
        long a = cache.alloc(Gfp.KERNEL);
        assertThat(a).isNotZero();
        assertThat(isSampled(pool, a)).isFalse();
        pool.pages().faultInjector(FaultInjector.NONE);
        cache.free(a);
    }

    @Test
    void oneSampleInAnInterval() {
        VirtualClock clock = new VirtualClock();
        try (Polder timed = Polder.open(PolderConfig.builder().name("timed").budget(32L << 20)
                .clock(clock).sampling(new Sampling(1, 1_000_000)).build())) {
            int[] sampled = new int[3];
            for (int interval = 0; interval < 3; interval++) {
                for (int i = 0; i < 40; i++) {
                    // A cache that is new refills at its first request.
                    SlabCache cache = timed.createCache("c" + interval + "-" + i, 64);
                    long a = cache.alloc(Gfp.KERNEL);
                    sampled[interval] += isSampled(timed, a) ? 1 : 0;
                    cache.free(a);
                    cache.close();
                }
                clock.advance(Duration.ofMillis(1).toNanos());
            }
            assertThat(sampled).containsExactly(1, 1, 1);
        }
    }

    @Test
    void whatAPoolHoldsOfTheMappingsItGivesBack() {
        int before = pool.memInfo().mappingsUsed();
        Polder other = open(ALWAYS);
        assertThat(other.memInfo().mappingsUsed()).isGreaterThanOrEqualTo(before + 2 * 32);
        other.kmalloc().alloc(64, Gfp.KERNEL);
        other.close();
        assertThat(pool.memInfo().mappingsUsed()).isEqualTo(before + 1);
    }

    @Test
    void otherErrorsAreNotExplained() {
        assertThat(pool.explain(new IllegalStateException("other"))).isNull();
    }

    @ParameterizedTest
    @ValueSource(strings = {"-Xint", "-Xbatch", "-XX:TieredStopAtLevel=1"})
    void aTouchAfterFreeOrBeyondAnEndIsExplained(String option) {
        ChildJvm.Result r = ChildJvm.run(List.of(option), Toucher.class,
                List.of(Polder.class, Gfp.class, org.jspecify.annotations.Nullable.class));
        assertThat(r.output()).contains("caught 6 of 6");
        assertThat(r.exitCode()).isZero();
    }

    /// The child.
    static final class Toucher {
        private static int tried;
        private static int caught;

        public static void main(String[] args) {
            Polder pool = open(ALWAYS);
            // Compiled where the option lets it be.
            for (int i = 0; i < 20_000; i++) {
                sink += read(segmentAt(pool.pages().memory().base(), 8), i & 7);
            }
            MemorySegment freed = pool.allocate(100, Gfp.KERNEL);
            giveBack(pool, freed);
            touch(pool, () -> read(freed, 50), "use after free of a sampled object of 100 bytes",
                    "giveBack");
            touch(pool, () -> write(freed, 0), "use after free of a sampled object of 100 bytes",
                    "giveBack");
            pool.free(pool.allocate(64, Gfp.KERNEL));
            long atEnd = takeAtEnd(pool);
            MemorySegment beyond = segmentAt(atEnd, 65);
            sink += read(beyond, 63);
            touch(pool, () -> read(beyond, 64), "a step over an end of a sampled object of 64",
                    "takeAtEnd");
            touch(pool, () -> write(beyond, 64), "a step over an end of a sampled object of 64",
                    "takeAtEnd");
            touch(pool, () -> read(segmentAt((atEnd & -4096) - 1, 1), 0), "a step over an end",
                    "takeAtEnd");
            touch(pool, () -> write(segmentAt((atEnd & -4096) - 1, 1), 0), "a step over an end",
                    "takeAtEnd");
            pool.kmalloc().free(atEnd);
            pool.verify();
            pool.close();
            System.out.println("caught " + caught + " of " + tried + ", read " + sink);
        }

        private static long sink;

        private static void giveBack(Polder pool, MemorySegment s) {
            pool.free(s);
        }

        private static long takeAtEnd(Polder pool) {
            long a = pool.kmalloc().alloc(64, Gfp.KERNEL);
            if ((a & 4095) != 4096 - 64) {
                throw new AssertionError("not at the end: " + Long.toHexString(a));
            }
            return a;
        }

        private static int read(MemorySegment s, long at) {
            return s.get(ValueLayout.JAVA_BYTE, at);
        }

        private static int write(MemorySegment s, long at) {
            s.set(ValueLayout.JAVA_BYTE, at, (byte) 1);
            return 0;
        }

        private static void touch(Polder pool, IntSupplier access, String says,
                String place) {
            tried++;
            try {
                sink += access.getAsInt();
            } catch (InternalError e) {
                String text = String.valueOf(pool.explain(e));
                int from = text.indexOf("\n* " + says);
                if (from > 0 && text.indexOf(place, from) > 0
                        && text.substring(0, from).contains("SamplerTest.java")) {
                    caught++;
                } else {
                    System.out.println(text);
                }
            }
        }
    }
}
