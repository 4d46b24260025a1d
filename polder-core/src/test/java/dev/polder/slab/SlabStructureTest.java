package dev.polder.slab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/// The parts of a cache by themselves, and planted damage that `verify` must find.
final class SlabStructureTest {
    @Test
    void everyAddressIsToldByOneMultiplication() {
        try (SlabPool pool = new SlabPool(16)) {
            long base = 1L << 40;
            for (int size = 8; size <= Frames.SIZE << 10; size = nextSize(size)) {
                SlabCache cache = new SlabCache(pool.slabs(), "size-" + size, size);
                int order = Math.max(Frames.orderFor(size), 3);
                Slab slab = new Slab(cache, 512, order, base);
                long end = base + (Frames.SIZE << order);
                long step = order > 3 ? 509 : 1;
                for (long address = base; address < end; address += step) {
                    long offset = address - base;
                    int index = (int) (offset / size);
                    boolean start = offset % size == 0 && index < slab.capacity();
                    if (slab.indexOf(address) != (start ? index : -1)) {
                        assertThat(slab.indexOf(address)).as("size %d offset %d", size, offset)
                                .isEqualTo(start ? index : -1);
                    }
                }
                for (int i = 0; i < slab.capacity(); i++) {
                    assertThat(slab.indexOf(base + (long) i * size)).isEqualTo(i);
                }
                assertThat(slab.indexOf(end - 1)).isEqualTo(-1);
                for (int bit = 22; bit < Long.SIZE; bit++) {
                    assertThat(slab.indexOf(base + (1L << bit))).as("far away").isEqualTo(-1);
                    assertThat(slab.indexOf(base - (1L << bit))).as("far below").isEqualTo(-1);
                }
                cache.close();
            }
        }
    }

    @Test
    void aSlabHandsOutEachObjectOnceInOrder() {
        try (SlabPool pool = new SlabPool(16)) {
            SlabCache cache = new SlabCache(pool.slabs(), "c", 24);
            Slab slab = new Slab(cache, 512, 0, 1L << 40);
            assertThat(slab.capacity()).isEqualTo(170);
            List<Long> taken = new ArrayList<>();
            while (slab.freeCount() > 0) {
                taken.add(slab.take());
            }
            assertThat(taken).doesNotHaveDuplicates().isSorted().hasSize(170);
            slab.verify();
            slab.put(taken.get(99));
            assertThatThrownBy(() -> slab.put(taken.get(99)))
                    .isInstanceOf(IllegalStateException.class);
            assertThatThrownBy(() -> slab.put(taken.get(98) + 1))
                    .isInstanceOf(IllegalStateException.class);
            slab.verify();
            assertThat(slab.take()).isEqualTo(taken.get(99));
        }
    }

    @Test
    void aListKeepsItsLinks() {
        try (SlabPool pool = new SlabPool(16)) {
            SlabCache cache = new SlabCache(pool.slabs(), "c", 64);
            SlabList list = new SlabList("test");
            List<Slab> slabs = new ArrayList<>();
            for (int i = 0; i < 5; i++) {
                Slab slab = new Slab(cache, 512 + i, 0, 1L << 40);
                slabs.add(slab);
                if (i % 2 == 0) {
                    list.addFirst(slab);
                } else {
                    list.addLast(slab);
                }
                list.verify();
            }
            assertThat(list.first()).isSameAs(slabs.get(4));
            for (int i : new int[] {2, 4, 3, 0, 1}) {
                list.remove(slabs.get(i));
                list.verify();
            }
            assertThat(list.size()).isZero();
            assertThat(list.first()).isNull();
        }
    }

    @Test
    void aDepotExchangesWholeSheaves() {
        Depot depot = new Depot(2);
        Sheaf filled = sheaf();
        filled.push(8);
        Sheaf empty = sheaf();
        assertThat(depot.exchangeForFilled(null)).isNull();
        assertThat(depot.exchangeForEmpty(filled)).as("no empty one").isNull();
        assertThat(depot.put(empty)).isTrue();
        assertThat(depot.exchangeForEmpty(filled)).isSameAs(empty);
        assertThat(depot.objects()).isEqualTo(1);
        depot.verify(_ -> { });
        assertThat(depot.exchangeForFilled(empty)).isSameAs(filled);
        assertThat(depot.takeFilled()).isNull();
        assertThat(depot.takeEmpty()).isSameAs(empty);
        assertThat(depot.takeEmpty()).isNull();
        for (int i = 0; i < depot.limit(); i++) {
            assertThat(depot.put(sheaf())).isTrue();
        }
        assertThat(depot.put(sheaf())).as("its fill").isFalse();
        assertThat(depot.put(filled)).isTrue();
        assertThat(depot.exchangeForFilled(empty)).as("no room for the empty one").isNull();
        depot.verify(_ -> { });
    }

    @Test
    void aBusyStripeIsPassedBy() throws InterruptedException {
        try (SlabPool pool = new SlabPool(16)) {
            SlabCache cache = new SlabCache(pool.slabs(), "busy", 64);
            cache.free(cache.alloc(Gfp.KERNEL));
            // With every stripe held the slabs serve, and nothing waits.
            SheafStripe[] held = cache.sheaves().stripes();
            assertThat(held).isNotEmpty().allMatch(SheafStripe::tryLock);
            Thread.ofVirtual().start(() -> {
                List<Long> objects = new ArrayList<>();
                for (int i = 0; i < 300; i++) {
                    objects.add(cache.alloc(Gfp.KERNEL));
                }
                objects.forEach(cache::free);
                cache.drainSheaves();
            }).join();
            assertThat(cache.stats().activeObjects()).isZero();
            for (SheafStripe s : held) {
                s.unlock();
            }
            pool.assertNothingLeaked();
        }
    }

    @Test
    void plantedDamageIsFound() {
        try (SlabPool pool = new SlabPool(16)) {
            SlabCache cache = new SlabCache(pool.slabs(), "hurt", 64);
            long object = cache.alloc(Gfp.KERNEL);
            long other = cache.alloc(Gfp.KERNEL);
            cache.free(other);
            cache.verify();
            Slab slab = pool.slabs().slabOf(object);

            short state = slab.state(slab.indexOf(object));
            slab.state(slab.indexOf(object), Slab.FREE);
            assertThatThrownBy(cache::verify).as("an object nowhere").isInstanceOf(
                    IllegalStateException.class).hasMessageContaining("sum");
            slab.state(slab.indexOf(object), state);

            slab.state(slab.indexOf(other), state);
            assertThatThrownBy(cache::verify).as("a sheaf's object in use").isInstanceOf(
                    IllegalStateException.class).hasMessageContaining("sheaf");
            slab.state(slab.indexOf(other), Slab.FREE);

            pool.pages().frames().owner(slab.run, 1, null);
            assertThatThrownBy(cache::verify).as("a frame without owner")
                    .isInstanceOf(IllegalStateException.class);
            pool.pages().frames().owner(slab.run, 1, slab);

            slab.put(other);
            assertThatThrownBy(cache::verify).as("twice free")
                    .isInstanceOf(IllegalStateException.class);
            takeBack(slab, other);

            cache.verify();
            cache.free(object);
        }
    }

    private static Sheaf sheaf() {
        try (SlabPool pool = new SlabPool(16)) {
            return new Sheaf(new SlabCache(pool.slabs(), "of-four", 64), 4);
        }
    }

    private static int nextSize(int size) {
        return size < 600 ? size + 8 : size * 17 / 16 & -8;
    }

    /// Empties the free map until `wanted` comes out, and puts the others back.
    private static void takeBack(Slab slab, long wanted) {
        List<Long> others = new ArrayList<>();
        for (long object = slab.take(); object != wanted; object = slab.take()) {
            others.add(object);
        }
        others.forEach(slab::put);
    }
}
