package dev.polder.slab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.debug.FaultInjector;
import dev.polder.gfp.Gfp;
import dev.polder.testkit.Row;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// The first, second, and so on internal page request of an operation fails, until it succeeds;
/// nothing is leaked and every invariant holds.
final class SlabFailureTest {
    private static final int GIVE_UP = 50;

    private final SlabPool pool = new SlabPool(16);
    private final Kmalloc kmalloc = new Kmalloc(pool.slabs());

    @AfterEach
    void verifyAndClose() {
        pool.pages().faultInjector(FaultInjector.NONE);
        kmalloc.verify();
        pool.close();
    }

    /// Fails every request from the `from`-th on, `count` of them.
    private void fail(int from, int count) {
        int[] seen = {0};
        pool.pages().faultInjector((_, _, _) -> {
            int n = ++seen[0];
            return n >= from && n - from < count;
        });
    }

    @Test
    @Row("L3")
    void theNthRequestOfAMixOfSizesFails() {
        for (int count = 1; count <= 3; count++) {
            boolean unhurt = false;
            for (int nth = 1; nth <= GIVE_UP && !unhurt; nth++) {
                fail(nth, count);
                List<Long> objects = new ArrayList<>();
                unhurt = true;
                for (long size = 8; size <= 1 << 16; size = size * 5 / 3) {
                    long object = kmalloc.alloc(size, Gfp.KERNEL);
                    if (object == 0) {
                        unhurt = false;
                    } else {
                        objects.add(object);
                    }
                }
                pool.slabs().verify();
                kmalloc.verify();
                objects.forEach(kmalloc::free);
                pool.assertNothingLeaked();
            }
            assertThat(unhurt).as("the campaign reached the end of the operation").isTrue();
        }
    }

    @Test
    void aThrowFromTheLayerBelowLosesNothing() {
        SlabCache cache = new SlabCache(pool.slabs(), "thrown", 64);
        for (int nth = 1; nth <= 3; nth++) {
            int[] seen = {nth};
            pool.pages().faultInjector((_, _, _) -> {
                if (--seen[0] == 0) {
                    throw new IllegalStateException("planted");
                }
                return false;
            });
            List<Long> objects = new ArrayList<>();
            assertThatThrownBy(() -> {
                for (;;) {
                    objects.add(cache.alloc(Gfp.KERNEL));
                }
            }).hasMessage("planted");
            assertThat(objects).hasSize(64 * (nth - 1));
            pool.slabs().verify();
            objects.forEach(cache::free);
            pool.assertNothingLeaked();
        }
        long sheaves = pool.slabs().sheafBytes();
        cache.free(cache.alloc(Gfp.KERNEL));
        assertThat(pool.slabs().sheafBytes()).as("no sheaf was lost").isEqualTo(sheaves);
    }

    @Test
    void aBatchThatRunsDryGivesWhatItGot() {
        List<Long> objects = new ArrayList<>();
        fail(20, Integer.MAX_VALUE);
        for (long object = kmalloc.alloc(1024, Gfp.KERNEL); object != 0;
                object = kmalloc.alloc(1024, Gfp.KERNEL)) {
            objects.add(object);
        }
        assertThat(objects).hasSize(19 * 16);
        pool.slabs().verify();
        // What others free meanwhile is found although no page is to be had.
        kmalloc.free(objects.removeLast());
        objects.add(kmalloc.alloc(1024, Gfp.KERNEL));
        assertThat(objects.getLast()).isNotZero();
        objects.forEach(kmalloc::free);
        pool.assertNothingLeaked();
    }

    @Test
    @Row("L1")
    void anInjectorSeesRequestsThatASheafWouldHaveServed() {
        SlabCache cache = new SlabCache(pool.slabs(), "watched", 64);
        cache.free(cache.alloc(Gfp.KERNEL));
        assertThat(cache.stats().cachedObjects()).isPositive();
        pool.slabs().faultInjector((site, _, _) -> site.equals("object:watched"));
        assertThat(cache.alloc(Gfp.KERNEL)).isZero();
        assertThat(cache.alloc(Gfp.KERNEL | Gfp.NOFAIL)).as("is never offered").isNotZero();
        pool.slabs().faultInjector(FaultInjector.NONE);
        cache.free(cache.alloc(Gfp.KERNEL));
        assertThat(cache.stats().cachedObjects()).as("there are sheaves again").isPositive();
    }
}
