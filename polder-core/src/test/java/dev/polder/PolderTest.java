package dev.polder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.gfp.Gfp;
import dev.polder.memgroup.MemGroup;
import dev.polder.mempool.MemPool;
import dev.polder.slab.SlabCache;
import dev.polder.testkit.Row;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The public contract as a caller meets it.
final class PolderTest {
    private static final long BUDGET = 32L << 20;

    private final Polder pool = Polder.open(PolderConfig.builder().name("contract").budget(BUDGET)
            .allocationDeadline(Duration.ofMillis(200)).build());

    @AfterEach
    void verifyAndClose() {
        pool.verify();
        pool.close();
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 7, 8, 64, 100, 1024, 4096, 4097, 10_000, 65_536, 1 << 20, 5 << 20})
    @Tag("remapping")
    void aSegmentHasTheSizeAskedForAndHoldsWhatIsWritten(long size) {
        MemorySegment s = pool.allocate(size, Gfp.KERNEL | Gfp.ZERO);
        assertThat(s.byteSize()).isEqualTo(size);
        for (long at = 0; at < size; at += 97) {
            assertThat(s.get(ValueLayout.JAVA_BYTE, at)).isZero();
        }
        s.fill((byte) 0x5a);
        assertThat(s.get(ValueLayout.JAVA_BYTE, size - 1)).isEqualTo((byte) 0x5a);
        pool.free(s);
    }

    @Test
    @Row("G4")
    void nothingIsALegalEmptySegment() {
        MemorySegment s = pool.allocate(0, Gfp.KERNEL);
        assertThat(s.byteSize()).isZero();
        assertThat(s.address()).isNotZero();
        assertThatThrownBy(() -> s.get(ValueLayout.JAVA_BYTE, 0))
                .isInstanceOf(IndexOutOfBoundsException.class);
        pool.free(s);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 16, 64, 512, 4096, 65_536, 1 << 22})
    void alignmentIsKept(long alignment) {
        List<MemorySegment> held = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            MemorySegment s = pool.allocate(24, alignment, Gfp.KERNEL);
            assertThat(s.address() % alignment).isZero();
            held.add(s);
        }
        held.forEach(pool::free);
    }

    @Test
    void badArgumentsAreNamed() {
        assertThatThrownBy(() -> pool.allocate(-1, Gfp.KERNEL))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("-1");
        assertThatThrownBy(() -> pool.allocate(8, 3, Gfp.KERNEL))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("3");
        assertThatThrownBy(() -> pool.allocate(8, 1 << 30))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> PolderConfig.builder().budget(1))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("not 1");
    }

    @Test
    @Row("H1")
    void moreThanTheBudgetFailsAtOnceEvenWithNofail() {
        assertThat(pool.tryAllocate(BUDGET + 1, Gfp.KERNEL | Gfp.NOFAIL)).isNull();
        assertThatThrownBy(() -> pool.allocate(BUDGET * 2, Gfp.KERNEL))
                .isInstanceOf(AllocationFailedException.class)
                .hasMessageContaining("larger than the budget");
    }

    @Test
    void wrongFreesAreCaught() {
        MemorySegment s = pool.allocate(64, Gfp.KERNEL);
        MemorySegment big = pool.allocate(1 << 20, Gfp.KERNEL);
        assertThatThrownBy(() -> pool.free(s.asSlice(0, 32)))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("32");
        assertThatThrownBy(() -> pool.free(s.asSlice(8)))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> pool.free(big.asSlice(4096)))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> pool.free(MemorySegment.ofArray(new byte[64])))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("contract");
        try (Arena other = Arena.ofConfined()) {
            MemorySegment foreign = other.allocate(64);
            assertThatThrownBy(() -> pool.free(foreign))
                    .isInstanceOf(IllegalArgumentException.class);
        }
        pool.free(s);
        pool.free(big);
        assertThatThrownBy(() -> pool.free(s)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> pool.free(big)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    @Row("H15")
    void reallocateKeepsWhatFitsAndFreesTheOld() {
        MemorySegment s = pool.allocate(100, Gfp.KERNEL);
        s.fill((byte) 7);
        MemorySegment larger = pool.reallocate(s, 10_000, Gfp.KERNEL);
        assertThat(larger.get(ValueLayout.JAVA_BYTE, 99)).isEqualTo((byte) 7);
        MemorySegment smaller = pool.reallocate(larger, 10, Gfp.KERNEL);
        assertThat(smaller.get(ValueLayout.JAVA_BYTE, 9)).isEqualTo((byte) 7);
        pool.free(smaller);
    }

    @Test
    void reallocateStaysWhereThereIsRoomAndZeroesWhatIsNew() {
        MemorySegment s = pool.allocate(100, Gfp.KERNEL);
        s.fill((byte) 7);
        MemorySegment shorter = pool.reallocate(s, 97, Gfp.KERNEL);
        assertThat(shorter.address()).isEqualTo(s.address());
        MemorySegment longer = pool.reallocate(shorter, 128, Gfp.KERNEL | Gfp.ZERO);
        assertThat(longer.address()).isEqualTo(s.address());
        assertThat(longer.byteSize()).isEqualTo(128);
        for (int i = 0; i < 128; i++) {
            assertThat(longer.get(ValueLayout.JAVA_BYTE, i)).isEqualTo((byte) (i < 97 ? 7 : 0));
        }
        assertThatThrownBy(() -> pool.free(s)).hasMessageContaining("allocated with 128");
        assertThatThrownBy(() -> pool.reallocate(longer, -1, Gfp.KERNEL))
                .isInstanceOf(IllegalArgumentException.class);
        pool.free(longer);
        assertThatThrownBy(() -> pool.free(longer)).hasMessageContaining("free already");
    }

    @Test
    void afterCloseSegmentsThrowAndRequestsAreRefused() {
        Polder other = Polder.open(PolderConfig.builder().name("closing").budget(BUDGET).build());
        MemorySegment s = other.allocate(64, Gfp.KERNEL);
        other.close();
        other.close();
        assertThatThrownBy(() -> s.get(ValueLayout.JAVA_BYTE, 0))
                .isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> other.allocate(1 << 20, Gfp.KERNEL))
                .isInstanceOf(IllegalStateException.class).hasMessageContaining("closing");
        assertThatThrownBy(() -> other.free(s)).isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("closed");
    }

    @Test
    @Tag("remapping")
    void closeFromInsideAShrinkerIsRefused() {
        PageCacheConsumer cache = new PageCacheConsumer(pool, "cache", null, 0);
        List<Throwable> thrown = new ArrayList<>();
        Registration closer = pool.register(ShrinkerSpec.of("closer", new CallbackShrinker(() -> {
            try {
                pool.close();
            } catch (IllegalStateException e) {
                thrown.add(e);
            }
        })));
        fill(cache);
        pool.free(pool.allocate(1 << 20, Gfp.KERNEL & ~Gfp.KSWAPD_RECLAIM));
        assertThat(thrown).isNotEmpty();
        assertThat(thrown.getFirst()).hasMessageContaining("inside");
        closer.close();
        cache.clear();
    }

    private void fill(PageCacheConsumer cache) {
        boolean grown = true;
        while (grown) {
            grown = cache.grow();
        }
        pool.register(ShrinkerSpec.of(cache.name, cache));
    }

    @Test
    void anArenaFreesEverythingTogether() {
        long before = pool.memInfo().used();
        try (Arena arena = pool.arena(ArenaKind.CONFINED, Gfp.KERNEL)) {
            MemorySegment s = arena.allocate(1 << 20, 64);
            assertThat(s.get(ValueLayout.JAVA_LONG, 0)).isZero();
            assertThat(s.address() % 64).isZero();
            assertThat(arena.allocate(100).byteSize()).isEqualTo(100);
            assertThat(pool.memInfo().used()).isGreaterThan(before);
        }
        try (Arena arena = pool.arena(ArenaKind.SHARED, Gfp.KERNEL)) {
            assertThat(arena.allocate(8).byteSize()).isEqualTo(8);
        }
    }

    @Test
    void allocateAsyncServesWithoutBlockingTheCaller()
            throws InterruptedException, ExecutionException, TimeoutException {
        MemorySegment now = pool.allocateAsync(4096, Gfp.KERNEL).get(10, TimeUnit.SECONDS);
        pool.free(now);
        PageCacheConsumer cache = new PageCacheConsumer(pool, "cache", null, 0);
        fill(cache);
        CompletableFuture<MemorySegment> later = pool.allocateAsync(1 << 20, Gfp.KERNEL);
        pool.free(later.get(10, TimeUnit.SECONDS));
        cache.clear();
    }

    @Test
    void aFailureTellsWhoHoldsTheMemory() {
        SlabCache cache = pool.createCache("sessions", 2048);
        List<Long> held = new ArrayList<>();
        for (long a = cache.alloc(Gfp.NOWAIT); a != 0; a = cache.alloc(Gfp.NOWAIT)) {
            held.add(a);
        }
        assertThatThrownBy(() -> pool.allocate(1 << 20, Gfp.NOFS))
                .isInstanceOf(AllocationFailedException.class)
                .hasMessageContaining("1048576 bytes")
                .hasMessageContaining("GFP_NOFS")
                .hasMessageContaining("contract")
                .hasMessageContaining("cache sessions")
                .hasMessageContaining("what to do");
        assertThatThrownBy(() -> pool.allocate(1 << 20, Gfp.NOWAIT))
                .isInstanceOfSatisfying(AllocationFailedException.class, e -> {
                    assertThat(e.getStackTrace()).isEmpty();
                    assertThat(e.size()).isEqualTo(1 << 20);
                });
        held.forEach(cache::free);
        cache.close();
    }

    @Test
    void aGroupsLimitIsKeptAndSaid() {
        MemGroup query = pool.group().create("query-17").max(1 << 20);
        try (var in = query.enter()) {
            assertThat(in).isNotNull();
            assertThatThrownBy(() -> pool.allocate(2 << 20, Gfp.KERNEL | Gfp.NORETRY))
                    .isInstanceOf(AllocationFailedException.class)
                    .hasMessageContaining("query-17");
            MemorySegment s = pool.allocate(512 << 10, Gfp.KERNEL);
            assertThat(query.charged()).isGreaterThanOrEqualTo(512 << 10);
            assertThat(pool.group().charged()).isEqualTo(query.charged());
            pool.free(s);
        }
    }

    @Test
    void aReserveServesWhenThePoolIsEmpty() {
        SlabCache cache = pool.createCache("requests", 4096);
        MemPool reserve = pool.createMemPool(cache, 2);
        PageCacheConsumer hog = new PageCacheConsumer(pool, "hog", null, 0);
        while (hog.grow()) {
            assertThat(hog.size()).isPositive();
        }
        long a = reserve.alloc(Gfp.NOIO);
        assertThat(a).isNotZero();
        reserve.free(a);
        hog.clear();
        reserve.close();
        cache.close();
    }

    @Test
    @Tag("remapping")
    void theFiguresAddUp() {
        MemorySegment s = pool.allocate(6 << 20, Gfp.KERNEL);
        MemInfo info = pool.memInfo();
        assertThat(info.mode()).isIn("linux", "portable");
        assertThat(info.total()).isEqualTo(BUDGET - 4096);
        assertThat(info.vmalloc()).isGreaterThanOrEqualTo(6 << 20);
        assertThat(info.resident()).isLessThanOrEqualTo(info.budget());
        assertThat(pool.showMem()).contains("MemFree", "VmallocUsed", "kmalloc-64", "contract");
        pool.free(s);
    }

    @Test
    void aRequestOnAnotherThreadIsServedAndFreedHere() throws Exception {
        FutureTask<MemorySegment> task = new FutureTask<>(() -> pool.allocate(128, Gfp.KERNEL));
        Thread.ofVirtual().start(task);
        pool.free(((Future<MemorySegment>) task).get());
    }
}
