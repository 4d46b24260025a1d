package dev.polder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.gfp.Gfp;
import dev.polder.gfp.MemallocScope;
import dev.polder.gfp.ScopeSite;
import dev.polder.memgroup.MemGroup;
import dev.polder.mempool.MemPool;
import dev.polder.shrinker.ShrinkControl;
import dev.polder.shrinker.Shrinker;
import dev.polder.slab.SlabCache;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.Map;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// What cannot be meant is refused at once, with the value, and with what to do instead.
final class WrongArgumentTest {
    private final Polder pool = open("args");

    private static final Shrinker NOTHING = new Shrinker() {
        @Override
        public long count(ShrinkControl sc) {
            return 0;
        }

        @Override
        public long scan(ShrinkControl sc) {
            return STOP;
        }
    };

    private static Polder open(String name) {
        return Polder.open(PolderConfig.builder().name(name).budget(16L << 20).build());
    }

    @AfterEach
    void close() {
        pool.close();
    }

    @Test
    void alignedAboveAPageEndsAtFourMiBAtAnyBudget() {
        assertThatThrownBy(() -> pool.allocate(5 << 20, 8192, Gfp.KERNEL))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("5242880 bytes at a multiple of 8192")
                .hasMessageContaining("at any budget").hasMessageContaining("4194304");
        assertThatThrownBy(() -> pool.allocate((4 << 20) + 1, 65_536, Gfp.KERNEL))
                .isInstanceOf(IllegalArgumentException.class);
        MemorySegment most = pool.allocate(4 << 20, 65_536, Gfp.KERNEL);
        assertThat(most.address() % 65_536).isZero();
        pool.free(most);
        pool.free(pool.allocate(4 << 20, 4096, Gfp.KERNEL));
    }

    @Test
    void aReserveHasABoundAndACacheOfItsOwnPool() {
        SlabCache cache = pool.createCache("elements", 64);
        assertThatThrownBy(() -> pool.createMemPool(cache, Integer.MAX_VALUE))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("0.." + MemPool.MAX_MINIMUM)
                .hasMessageContaining("2147483647");
        assertThatThrownBy(() -> pool.createMemPool(cache, 300_000))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("300000 elements of 64 bytes").hasMessageContaining("'args'");
        assertThatThrownBy(() -> new MemPool(cache, -1))
                .isInstanceOf(IllegalArgumentException.class);
        try (Polder other = open("other")) {
            assertThatThrownBy(() -> other.createMemPool(cache, 2))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("elements").hasMessageContaining("'args'");
        }
        MemPool none = pool.createMemPool(cache, 0);
        none.free(none.alloc(Gfp.KERNEL));
        none.close();
        cache.close();
    }

    @Test
    @SuppressWarnings("NullAway") // that is the matter
    void nullIsRefusedByTheNameOfTheParameter() {
        Map<String, ThrowingCallable> calls = new LinkedHashMap<>();
        PolderConfig.Builder builder = PolderConfig.builder();
        calls.put("policy", () -> builder.outOfMemoryPolicy(null));
        calls.put("debug", () -> builder.debug(null));
        calls.put("sampling", () -> builder.sampling(null));
        calls.put("clock", () -> builder.clock(null));
        calls.put("name", () -> builder.name(null));
        calls.put("deadline", () -> builder.allocationDeadline(null));
        calls.put("config", () -> Polder.open(null));
        calls.put("kind", () -> pool.arena(null, Gfp.KERNEL));
        calls.put("s", () -> pool.free(null));
        calls.put("t", () -> Polder.declareNonBlocking(null, NonBlockingPolicy.REPORT));
        calls.put("p", () -> Polder.declareNonBlocking(Thread.currentThread(), null));
        calls.put("spec", () -> pool.register(null));
        calls.put("shrinker", () -> ShrinkerSpec.of("name", null));
        calls.put("c", () -> pool.createMemPool(null, 1));
        calls.put("thrown", () -> pool.explain(null));
        calls.forEach((name, call) -> assertThatThrownBy(call).as(name)
                .isInstanceOf(NullPointerException.class).hasMessage(name));
        assertThatThrownBy(() -> pool.reallocate(null, 1, Gfp.KERNEL)).hasMessage("s");
        assertThatThrownBy(() -> pool.group().create(null)).hasMessage("name");
        assertThatThrownBy(() -> pool.createCache(null, 1)).hasMessage("name");
        assertThatThrownBy(() -> ShrinkerSpec.of(null, NOTHING)).hasMessage("name");
    }

    @Test
    void whatSaysNothingIsNoNameAndNoReason() {
        assertThatThrownBy(() -> pool.group().create(" "))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("name");
        assertThatThrownBy(() -> ScopeSite.of(" ")).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("reason");
        assertThatThrownBy(() -> MemallocScope.noFs("")).hasMessageContaining("reason");
        assertThat(pool.group().children()).isEmpty();
    }

    @Test
    void aClosedPoolRefusesEverythingByItsName() {
        SlabCache cache = pool.createCache("things", 64);
        MemPool reserve = pool.createMemPool(cache, 1);
        MemGroup root = pool.group();
        MemorySegment s = pool.allocate(10, Gfp.KERNEL);
        long raw = pool.kmalloc().alloc(10, Gfp.KERNEL);
        long area = pool.vmalloc().alloc(10_000, Gfp.KERNEL);
        pool.close();
        Map<String, ThrowingCallable> calls = new LinkedHashMap<>();
        calls.put("allocate nothing", () -> pool.allocate(0, Gfp.KERNEL));
        calls.put("aligned nothing", () -> pool.allocate(0, 8, Gfp.KERNEL));
        calls.put("try nothing", () -> pool.tryAllocate(0, Gfp.KERNEL));
        calls.put("later nothing", () -> {
            throw pool.allocateAsync(0, Gfp.KERNEL).exceptionNow();
        });
        calls.put("allocate", () -> pool.allocate(10, Gfp.KERNEL));
        calls.put("free", () -> pool.free(s));
        calls.put("reallocate", () -> pool.reallocate(s, 20, Gfp.KERNEL));
        calls.put("arena", () -> pool.arena(ArenaKind.SHARED, Gfp.KERNEL));
        calls.put("cache", () -> pool.createCache("more", 8));
        calls.put("reserve", () -> pool.createMemPool(cache, 1));
        calls.put("shrinker", () -> pool.register(ShrinkerSpec.of("late", NOTHING)));
        calls.put("group", () -> root.create("late"));
        calls.put("cache's alloc", () -> cache.alloc(Gfp.KERNEL));
        calls.put("reserve's alloc", () -> reserve.alloc(Gfp.KERNEL));
        calls.put("kmalloc", () -> pool.kmalloc().alloc(10, Gfp.KERNEL));
        calls.put("kfree", () -> pool.kmalloc().free(raw));
        calls.put("usable size", () -> pool.kmalloc().usableSize(raw));
        calls.put("kvfree", () -> pool.kv().free(raw));
        calls.put("kvfree of an area", () -> pool.kv().free(area));
        calls.put("vmalloc", () -> pool.vmalloc().alloc(10_000, Gfp.KERNEL));
        calls.put("vfree", () -> pool.vmalloc().free(area));
        calls.put("page", () -> pool.pages().alloc(0, Gfp.KERNEL));
        calls.forEach((what, call) -> assertThatThrownBy(call).as(what)
                .isInstanceOf(IllegalStateException.class).hasMessageContaining("pool 'args'"));
    }

    @Test
    void aQuestionAboutAnAddressIsNotAnsweredAsAFree() {
        MemorySegment freed = pool.allocate(10, Gfp.KERNEL);
        pool.free(freed);
        assertThatThrownBy(() -> pool.kmalloc().usableSize(1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("0x1 is no object of kmalloc in use: it is no address of this pool");
        assertThatThrownBy(() -> pool.reallocate(freed, 100, Gfp.KERNEL))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("is no object of kmalloc in use");
        assertThatThrownBy(() -> pool.free(freed)).isInstanceOf(IllegalArgumentException.class);
    }
}
