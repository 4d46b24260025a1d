package dev.polder.kv;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.page.Role;
import dev.polder.slab.Kmalloc;
import dev.polder.stat.VmStat.Item;
import dev.polder.testkit.Row;
import dev.polder.vmalloc.VmallocRig.Request;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Rows I of the specification, one by one.
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class KvConformanceTest {
    private static final int[] MASKS = {Gfp.KERNEL, Gfp.NOFS, Gfp.NOIO, Gfp.ATOMIC, Gfp.NOWAIT, 0,
        Gfp.KERNEL | Gfp.NOFAIL, Gfp.NOFS | Gfp.NOFAIL, Gfp.KERNEL | Gfp.RETRY_MAYFAIL,
        Gfp.KERNEL | Gfp.NORETRY, Gfp.KERNEL | Gfp.ZERO, Gfp.KERNEL_ACCOUNT,
        Gfp.KERNEL | Gfp.NOFAIL | Gfp.RETRY_MAYFAIL};

    private final KvRig rig = new KvRig(8192);
    private final KvAllocator kv = rig.kv;

    @AfterEach
    void nothingLeaks() {
        rig.assertNothingLeaked();
        rig.close();
    }

    @Test
    @Row("I1")
    void upToOneFrameItIsKmallocWithTheCallersMask() {
        for (int gfp : MASKS) {
            for (long size : new long[] {1, 64, 4095, 4096}) {
                long a = kv.alloc(size, gfp);
                assertThat(kv.isVmalloc(a)).isFalse();
                assertThat(rig.kmalloc.owns(a)).isTrue();
                kv.free(a);
            }
        }
        rig.pool.pages.faultInjector((_, _, _) -> true);
        rig.slabs.shrinkAll();
        assertThat(kv.alloc(4096, Gfp.KERNEL)).as("never vmalloc").isZero();
        assertThat(rig.pool.taken(Role.VMALLOC_DATA)).isEmpty();
        long must = kv.alloc(4096, Gfp.KERNEL | Gfp.NOFAIL);
        assertThat(must).as("NOFAIL is passed on").isNotZero();
        kv.free(must);
    }

    @Test
    @Row("I2")
    void theFirstTryIsSilentDoesNotInsistAndDoesNotReclaim() {
        for (int gfp : MASKS) {
            rig.slabs.shrinkAll();
            rig.pool.taken();
            long a = kv.alloc(64 << 10, gfp);
            int expected = (gfp & ~Gfp.NOFAIL) | Gfp.NOWARN;
            if ((gfp & Gfp.RETRY_MAYFAIL) == 0) {
                expected &= ~Gfp.DIRECT_RECLAIM;
            }
            assertThat(rig.pool.taken()).as(Gfp.toString(gfp))
                    .containsExactly(new Request(Role.KMALLOC_LARGE, 4, expected, expected, true));
            assertThat(kv.isVmalloc(a)).isFalse();
            kv.free(a);
        }
        assertThat(KvAllocator.firstTry(Gfp.KERNEL) & Gfp.KSWAPD_RECLAIM)
                .as("background reclaim is still woken").isNotZero();
    }

    @Test
    @Row({"I3", "I5"})
    @Tag("remapping")
    void theFallbackHasTheCallersOwnMaskAlsoWhereItMayNotBlock() {
        List<Long> held = rig.pool.fragment();
        for (int gfp : MASKS) {
            rig.slabs.shrinkAll();
            rig.pool.taken();
            long a = kv.alloc(64 << 10, gfp);
            assertThat(a).as(Gfp.toString(gfp)).isNotZero();
            assertThat(kv.isVmalloc(a)).isTrue();
            List<Request> requests = rig.pool.taken();
            assertThat(requests.getFirst().role()).isEqualTo(Role.KMALLOC_LARGE);
            assertThat(requests.getFirst().got()).isFalse();
            assertThat(requests).filteredOn(r -> r.role() == Role.VMALLOC_DATA).hasSize(16)
                    .allMatch(r -> r.entry() == (gfp | Gfp.NOWARN));
            kv.free(a);
            rig.pool.purge();
        }
        assertThat(rig.pool.stat.get(Item.KVMALLOC_FALLBACK)).isEqualTo(MASKS.length);
        rig.pool.free(held);
    }

    /// In portable mode the area is one run: only the first try is refused here.
    @Test
    @Row({"I3", "I5"})
    void theFallbackHasTheCallersOwnMaskInPortableModeToo() {
        rig.pool.pages.faultInjector((site, _, _) -> site.equals(Role.KMALLOC_LARGE.label()));
        for (int gfp : MASKS) {
            rig.pool.taken();
            long a = kv.alloc(64 << 10, gfp);
            assertThat(kv.isVmalloc(a)).as(Gfp.toString(gfp)).isTrue();
            List<Request> requests = rig.pool.taken();
            assertThat(requests.getFirst()).extracting(Request::role, Request::got)
                    .containsExactly(Role.KMALLOC_LARGE, false);
            assertThat(requests).filteredOn(r -> r.role() == Role.VMALLOC_DATA).singleElement()
                    .isEqualTo(new Request(Role.VMALLOC_DATA, 4, gfp | Gfp.NOWARN,
                            gfp | Gfp.NOWARN, true));
            kv.free(a);
            rig.pool.purge();
        }
    }

    @Test
    @Row("I4")
    void moreThanIntMaxIsAShortageAlsoWithNofail() {
        long tooMuch = Integer.MAX_VALUE + 1L;
        rig.pool.taken();
        assertThat(kv.alloc(tooMuch, Gfp.KERNEL)).isZero();
        assertThat(kv.alloc(tooMuch, Gfp.KERNEL | Gfp.NOFAIL)).isZero();
        assertThat(kv.alloc(tooMuch, Gfp.KERNEL | Gfp.NOWARN)).isZero();
        assertThat(kv.alloc(Long.MAX_VALUE, Gfp.KERNEL | Gfp.NOFAIL)).isZero();
        assertThat(rig.pool.taken()).as("the first try is made, vmalloc is not")
                .allMatch(r -> r.role() == Role.KMALLOC_LARGE && !r.got());
        assertThat(rig.pool.stat.get(Item.VMALLOC_CALLS)).isZero();
    }

    @Test
    @Row("I5")
    @Tag("remapping")
    void nofailGetsItByVmallocWithoutReclaimForTheFirstTry() {
        long a = kv.alloc(Kmalloc.MAX_SIZE + 1, Gfp.NOFS | Gfp.NOFAIL);
        assertThat(a).isNotZero();
        assertThat(kv.isVmalloc(a)).isTrue();
        assertThat(kv.requestedSize(a)).isEqualTo(Kmalloc.MAX_SIZE + 1);
        assertThat(rig.pool.taken()).filteredOn(r -> r.role() == Role.PGTABLE).isNotEmpty()
                .allMatch(r -> r.used() == (Gfp.NOFS | Gfp.ZERO));
        kv.free(a);
    }

    @Test
    @Row("I7")
    @Tag("remapping")
    void freeGoesByTheAddress() {
        long small = kv.alloc(100, Gfp.KERNEL);
        long large = kv.alloc(1 << 20, Gfp.KERNEL);
        long area = kv.alloc(5 << 20, Gfp.KERNEL);
        long direct = rig.kmalloc.alloc(100, Gfp.KERNEL);
        long mapped = rig.pool.vmalloc.alloc(100, Gfp.KERNEL);
        assertThat(kv.isVmalloc(area)).isTrue();
        assertThat(kv.isVmalloc(mapped)).as("small, but an area").isTrue();
        assertThat(kv.isVmalloc(large)).isFalse();
        assertThat(kv.requestedSize(small)).isEqualTo(100);
        assertThat(kv.requestedSize(large)).isEqualTo(1 << 20);
        assertThat(kv.requestedSize(mapped)).isEqualTo(100);
        for (long a : new long[] {small, large, area, direct, mapped}) {
            kv.free(a);
            assertThatThrownBy(() -> kv.free(a)).isInstanceOf(IllegalArgumentException.class);
        }
        assertThatCode(() -> kv.free(0)).doesNotThrowAnyException();
    }

    @Test
    void nothingIsALegalAddress() {
        long a = kv.alloc(0, Gfp.KERNEL);
        assertThat(a).isNotZero();
        assertThat(kv.isVmalloc(a)).isFalse();
        assertThat(kv.requestedSize(a)).isZero();
        kv.free(a);
    }

    @Test
    void argumentsAreChecked() {
        assertThatThrownBy(() -> kv.alloc(-1, Gfp.KERNEL))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> kv.alloc(1 << 20, 1 << 30))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> kv.free(12_345)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void inPortableModeBothAreRunsAndStillToldApart() {
        try (KvRig portable = new KvRig(4096, true)) {
            long contiguous = portable.kv.alloc(1 << 20, Gfp.KERNEL);
            assertThat(portable.kv.isVmalloc(contiguous)).isFalse();
            portable.pool.pages.faultInjector((site, _, _) -> site.equals("kmalloc-large"));
            long area = portable.kv.alloc(1 << 20, Gfp.KERNEL);
            assertThat(portable.kv.isVmalloc(area)).isTrue();
            assertThat(portable.kv.requestedSize(area)).isEqualTo(1 << 20);
            assertThat(portable.pool.used()).isEqualTo(2 * (1 << 20) / Frames.SIZE);
            portable.kv.free(area);
            portable.kv.free(contiguous);
            portable.assertNothingLeaked();
        }
    }
}
