package dev.polder.slab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.base.Frames;
import dev.polder.gfp.AllowedMask;
import dev.polder.gfp.Gfp;
import dev.polder.memgroup.MemGroup;
import dev.polder.stat.VmStat.Item;
import dev.polder.testkit.Row;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Who pays for an object: the group it was taken in, whoever frees it.
final class ObjectChargeTest {
    private final SlabPool pool = new SlabPool(32);
    private final Kmalloc kmalloc = new Kmalloc(pool.slabs());
    private final SlabCache cache = new SlabCache(pool.slabs(), "sessions", 200);
    private final MemGroup one = pool.root().create("one");
    private final MemGroup two = pool.root().create("two");

    @AfterEach
    void verifyAndClose() {
        assertThat(pool.root().charged()).as("all is uncharged").isZero();
        kmalloc.verify();
        cache.close();
        pool.close();
    }

    private long allocIn(MemGroup group, long size) {
        try (var in = group.enter()) {
            assertThat(in).isNotNull();
            return kmalloc.alloc(size, Gfp.KERNEL);
        }
    }

    @Test
    void anObjectRemembersItsGroupAndAnyThreadUnchargesIt() throws Exception {
        long a = allocIn(one, 64);
        long b = allocIn(two, 60);
        assertThat(one.objectBytes()).isEqualTo(64);
        assertThat(two.objectBytes()).as("the room it takes").isEqualTo(64);
        assertThat(one.charged()).as("as a whole frame").isEqualTo(Frames.SIZE);
        assertThat(pool.root().charged()).isEqualTo(2 * Frames.SIZE);
        CompletableFuture.runAsync(() -> {
            try (var in = one.enter()) {
                assertThat(in).isNotNull();
                kmalloc.free(b);
            }
        }).get();
        assertThat(two.charged()).isZero();
        assertThat(one.objectBytes()).isEqualTo(64);
        kmalloc.free(a);
    }

    @Test
    void aVirtualThreadInAGroupPaysThoughOthersUseTheStripesSheaves() throws Exception {
        Thread.ofVirtual().start(() -> kmalloc.free(kmalloc.alloc(64, Gfp.KERNEL))).join();
        long[] held = new long[2];
        Thread.ofVirtual().start(() -> {
            held[0] = allocIn(one, 64);
            held[1] = kmalloc.alloc(64, Gfp.KERNEL);
        }).join();
        assertThat(one.objectBytes()).as("the one that was taken in the group").isEqualTo(64);
        Thread.ofVirtual().start(() -> {
            kmalloc.free(held[0]);
            kmalloc.free(held[1]);
        }).join();
        assertThat(one.objectBytes()).isZero();
    }

    @Test
    void aThreadThatHasSheavesPaysFromTheMomentItEntersAGroup() {
        kmalloc.free(kmalloc.alloc(64, Gfp.KERNEL));
        long before = kmalloc.alloc(64, Gfp.KERNEL);
        long in = allocIn(one, 64);
        long after = kmalloc.alloc(64, Gfp.KERNEL);
        assertThat(one.objectBytes()).isEqualTo(64);
        kmalloc.free(in);
        assertThat(one.objectBytes()).isZero();
        kmalloc.free(before);
        kmalloc.free(after);
    }

    @Test
    void manyObjectsClimbTheTreeAsWholeFrames() {
        List<Long> held = new ArrayList<>();
        for (int i = 1; i <= 1000; i++) {
            held.add(allocIn(one, 64));
            long bytes = i * 64L;
            assertThat(one.objectBytes()).isEqualTo(bytes);
            assertThat(one.charged()).isBetween(bytes, bytes + Frames.SIZE);
            assertThat(one.charged() % Frames.SIZE).isZero();
        }
        for (long object : held) {
            kmalloc.free(object);
            assertThat(one.charged()).isBetween(one.objectBytes(),
                    one.objectBytes() + 2 * Frames.SIZE);
        }
        assertThat(one.peak()).isEqualTo(Frames.bytes(Frames.count(64_000)));
    }

    @Test
    void onlyASlabWithAChargedObjectHasPayers() {
        long free = kmalloc.alloc(64, Gfp.KERNEL);
        Slab slab = pool.slabs().slabOf(free);
        assertThat(slab.hasPayers()).isFalse();
        long charged = allocIn(one, 64);
        assertThat(pool.slabs().slabOf(charged)).isSameAs(slab);
        assertThat(slab.hasPayers()).isTrue();
        assertThat(slab.isCharged(slab.indexOf(free))).isFalse();
        assertThat(slab.isCharged(slab.indexOf(charged))).isTrue();
        kmalloc.free(free);
        kmalloc.free(charged);
    }

    @Test
    void theMaskAloneChargesTheRoot() {
        long a = kmalloc.alloc(64, Gfp.KERNEL_ACCOUNT);
        assertThat(pool.root().objectBytes()).isEqualTo(64);
        long b = kmalloc.alloc(64, Gfp.KERNEL);
        long c = kmalloc.alloc(5 << 12, Gfp.KERNEL_ACCOUNT);
        assertThat(pool.root().objectBytes()).isEqualTo(64);
        assertThat(pool.root().charged()).as("eight frames for the run of five")
                .isEqualTo(9 * Frames.SIZE);
        kmalloc.free(a);
        kmalloc.free(b);
        kmalloc.free(c);
    }

    @Test
    void aSlabItselfIsChargedToNobody() {
        try (var in = one.enter()) {
            assertThat(in).isNotNull();
            pool.record();
            long a = cache.alloc(Gfp.KERNEL_ACCOUNT | Gfp.ZERO);
            assertThat(pool.taken()).isNotEmpty();
            assertThat(one.charged()).isEqualTo(Frames.SIZE);
            assertThat(pool.read(a)).isZero();
            cache.free(a);
        }
    }

    @Test
    void recordedSizesAndWrongFreesAreAsEver() {
        long a = allocIn(one, 100);
        assertThat(kmalloc.requestedSize(a)).isEqualTo(100);
        assertThat(kmalloc.usableSize(a)).isEqualTo(128);
        assertThat(kmalloc.owns(a)).isTrue();
        assertThat(kmalloc.resize(a, 120)).isTrue();
        assertThat(kmalloc.requestedSize(a)).isEqualTo(120);
        assertThatThrownBy(() -> kmalloc.free(a + 8)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> cache.free(a)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("in use for 120 bytes");
        kmalloc.free(a);
        assertThatThrownBy(() -> kmalloc.free(a)).isInstanceOf(IllegalArgumentException.class);
        long b;
        try (var in = one.enter()) {
            assertThat(in).isNotNull();
            b = cache.alloc(Gfp.KERNEL);
        }
        assertThatThrownBy(() -> kmalloc.free(b)).isInstanceOf(IllegalArgumentException.class);
        assertThat(cache.isHeldBy(SlabCache.Holder.USER, b)).isTrue();
        cache.free(b);
        assertThatThrownBy(() -> cache.free(b)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void aGroupThatHasFailedGivesNothingOfWhatItPaidInAdvance() {
        long first = allocIn(one, 64);
        assertThat(one.charged()).as("the premise").isGreaterThan(2 * one.objectBytes());
        one.fail();
        assertThat(allocIn(one, 64)).isZero();
        one.reset();
        long second = allocIn(one, 64);
        assertThat(second).isNotZero();
        kmalloc.free(first);
        kmalloc.free(second);
    }

    @Test
    @Row({"A13", "G1"})
    void anObjectOutOfASheafIsChargedWithTheAllowedMask() {
        long[] held = new long[100];
        for (int i = 0; i < held.length; i++) {
            held[i] = kmalloc.alloc(512, Gfp.KERNEL);
        }
        for (long object : held) {
            kmalloc.free(object);
        }
        pool.root().max(0);
        int forbidden = AllowedMask.forbid(AllowedMask.FORBIDDABLE);
        try {
            assertThat(kmalloc.alloc(512, Gfp.KERNEL_ACCOUNT)).isZero();
        } finally {
            AllowedMask.restore(forbidden);
            pool.root().max(MemGroup.MAX);
        }
        assertThat(pool.slabs().pages().stat().get(Item.ALLOCSTALL)).isZero();
    }

    @Test
    void aLimitRefusesAnObjectAndKeepsNothing() {
        one.max(2 * Frames.SIZE);
        List<Long> held = new ArrayList<>();
        try (var in = one.enter()) {
            assertThat(in).isNotNull();
            for (long a = cache.alloc(Gfp.NOWAIT); a != 0; a = cache.alloc(Gfp.NOWAIT)) {
                held.add(a);
            }
        }
        assertThat(held).as("objects of 200 bytes in two frames").hasSize(40);
        assertThat(one.charged()).isEqualTo(2 * Frames.SIZE);
        assertThat(one.refused()).isEqualTo(1);
        assertThat(cache.stats().activeObjects()).isEqualTo(40);
        held.forEach(cache::free);
    }

    @Test
    @Row("G5")
    void nofailAndHighMayExceedTheLimit() {
        one.max(0);
        try (var in = one.enter()) {
            assertThat(in).isNotNull();
            assertThat(cache.alloc(Gfp.NOWAIT)).isZero();
            long a = cache.alloc(Gfp.ATOMIC);
            long b = cache.alloc(Gfp.KERNEL | Gfp.NOFAIL);
            assertThat(a).isNotZero();
            assertThat(b).isNotZero();
            assertThat(one.objectBytes()).isEqualTo(400);
            cache.free(a);
            cache.free(b);
        }
    }

    @Test
    void aGroupOfAnotherPoolPaysForNothingHere() {
        MemGroup foreign = MemGroup.root("other").create("foreign").max(0);
        try (var outer = one.enter(); var inner = foreign.enter()) {
            assertThat(outer).isNotSameAs(inner);
            long a = kmalloc.alloc(64, Gfp.KERNEL);
            long b = kmalloc.alloc(64 << 10, Gfp.KERNEL);
            assertThat(a).isNotZero();
            assertThat(foreign.charged()).isZero();
            assertThat(one.objectBytes()).isEqualTo(64);
            assertThat(one.charged()).isEqualTo(17 * Frames.SIZE);
            kmalloc.free(a);
            kmalloc.free(b);
        }
    }

    @Test
    void nobodyPaysForAnObjectInReserve() {
        long a;
        try (var in = one.enter()) {
            assertThat(in).isNotNull();
            a = cache.alloc(Gfp.KERNEL);
        }
        cache.pass(a, SlabCache.Holder.USER, SlabCache.Holder.BORROWER);
        assertThat(one.objectBytes()).isEqualTo(200);
        cache.pass(a, SlabCache.Holder.BORROWER, SlabCache.Holder.RESERVE);
        assertThat(one.charged()).isZero();
        cache.pass(a, SlabCache.Holder.RESERVE, SlabCache.Holder.USER);
        cache.free(a);
    }
}
