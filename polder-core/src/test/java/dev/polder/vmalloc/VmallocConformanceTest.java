package dev.polder.vmalloc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.Memalloc;
import dev.polder.gfp.MemallocScope;
import dev.polder.gfp.ReclaimDomain;
import dev.polder.gfp.ScopeSite;
import dev.polder.os.Clock;
import dev.polder.page.Role;
import dev.polder.shrinker.ShrinkControl;
import dev.polder.shrinker.Shrinker;
import dev.polder.stat.VmStat.Item;
import dev.polder.task.Task;
import dev.polder.testkit.FallsShort;
import dev.polder.testkit.Row;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Rows H of the specification, one by one.
@Timeout(60)
class VmallocConformanceTest {
    private static final ScopeSite SITE = ScopeSite.of("a test");
    private static final long MIB = 1 << 20;

    private final VmallocRig rig = new VmallocRig();
    private final Vmalloc vmalloc = rig.vmalloc;

    @AfterEach
    void nothingLeaks() {
        assertThat(Task.current().flags()).isZero();
        rig.assertNothingLeaked();
        rig.close();
    }

    @Test
    @Row("H1")
    void nothingAndMoreThanThePoolIsAShortageAtOnceAlsoWithNofail() {
        long pool = Frames.bytes(VmallocRig.FRAMES);
        for (int gfp : new int[] {Gfp.KERNEL, Gfp.KERNEL | Gfp.NOFAIL}) {
            assertThat(vmalloc.alloc(0, gfp)).isZero();
            assertThat(vmalloc.alloc(pool + 1, gfp)).isZero();
            assertThat(vmalloc.alloc(Long.MAX_VALUE, gfp)).isZero();
        }
        assertThat(rig.taken()).as("no page was asked for").isEmpty();
    }

    @Test
    @Row("H2")
    void dataFramesGetTheCallersMaskWithNowarn() {
        List<Long> held = rig.fragment();
        for (int gfp : new int[] {Gfp.KERNEL, Gfp.NOFS | Gfp.NOFAIL, Gfp.ATOMIC,
            Gfp.KERNEL | Gfp.ZERO | Gfp.ACCOUNT, Gfp.NOIO | Gfp.RETRY_MAYFAIL, 0}) {
            rig.taken();
            long a = vmalloc.alloc(4 * Frames.SIZE, gfp);
            assertThat(rig.taken(Role.VMALLOC_DATA)).hasSize(4).allSatisfy(r -> {
                assertThat(r.entry()).isEqualTo(gfp | Gfp.NOWARN);
                assertThat(r.used()).isEqualTo(gfp | Gfp.NOWARN);
            });
            vmalloc.free(a);
            rig.purge();
        }
        rig.free(held);
    }

    /// The founding case: an allocator below the allocator has GFP_KERNEL in its code, and the
    /// caller's NOFS must reach it.
    @Test
    @Row({"H3", "H4"})
    void aNofsMaskReachesThePageTables() {
        assertTables(Gfp.NOFS, Gfp.NOFS);
        assertTables(Gfp.NOIO, Gfp.NOIO);
        assertTables(Gfp.KERNEL, Gfp.KERNEL);
        assertTables(Gfp.NOFS | Gfp.NOFAIL, Gfp.NOFS);
        assertThat(rig.stat.get(Item.PGTABLE_NARROWED)).isPositive()
                .isLessThan(rig.stat.get(Item.PGTABLE_REQUESTS));
    }

    @Test
    @Row("H3")
    void aCallersScopeReachesThePageTablesWhateverTheMask() {
        int token = Memalloc.nofsSave();
        assertTables(Gfp.KERNEL, Gfp.NOFS);
        assertTables(Gfp.NOIO, Gfp.NOIO);
        Memalloc.nofsRestore(token);
        token = Memalloc.noioSave();
        assertTables(Gfp.KERNEL, Gfp.NOIO);
        assertTables(Gfp.NOFS, Gfp.NOIO);
        assertThat(Task.current().flags()).as("the caller's scope is left").isEqualTo(Task.NOIO);
        Memalloc.noioRestore(token);
    }

    @Test
    @Row("H3")
    void theScopeIsOpenForThePageTablesOnlyAndClosedAgain() {
        List<String> seen = new ArrayList<>();
        rig.pages.listener((role, _, _, _, _) -> seen.add(role + " " + Task.current().flags()));
        long a = vmalloc.alloc(2 * Frames.SIZE, Gfp.NOFS);
        assertThat(seen).contains("VMALLOC_DATA 0", "PGTABLE " + Task.NOFS)
                .doesNotContain("VMALLOC_DATA " + Task.NOFS, "PGTABLE 0");
        assertThat(Task.current().flags()).isZero();
        vmalloc.free(a);
        rig.purge();
        rig.pages.faultInjector((site, _, _) -> site.equals("pgtable"));
        assertThat(vmalloc.alloc(2 * Frames.SIZE, Gfp.NOFS)).isZero();
        assertThat(Task.current().flags()).as("after a failure too").isZero();
    }

    @Test
    @Row({"H4", "H16"})
    @FallsShort("1")
    void aMaskThatMayNotBlockOrMayFailHasItsTablesInANoreclaimScope() {
        for (int gfp : new int[] {Gfp.ATOMIC, Gfp.NOWAIT, 0, Gfp.KERNEL | Gfp.NORETRY,
            Gfp.NOFS | Gfp.NORETRY, Gfp.NOIO | Gfp.RETRY_MAYFAIL}) {
            List<Integer> flags = new ArrayList<>();
            rig.pages.listener((role, _, entry, used, _) -> {
                if (role == Role.PGTABLE) {
                    flags.add(Task.current().flags());
                    assertThat(entry).isEqualTo(Gfp.KERNEL | Gfp.ZERO);
                    assertThat(used).as("the mask is not edited").isEqualTo(entry);
                }
            });
            long a = vmalloc.alloc(MIB, gfp);
            assertThat(a).isNotZero();
            assertThat(flags).as(Gfp.toString(gfp)).isNotEmpty()
                    .allMatch(f -> f == Task.NORECLAIM);
            vmalloc.free(a);
            rig.purge();
        }
    }

    /// The kernel recognises no such mask and lets the tables start I/O; here they are narrowed.
    @Test
    @Row("H5")
    @FallsShort("1")
    void fsWithoutIoIsNarrowedToNeither() {
        assertTables(Gfp.RECLAIM | Gfp.FS, Gfp.NOIO);
        assertTables(Gfp.DIRECT_RECLAIM | Gfp.FS, Gfp.NOIO);
    }

    /// A domain exclusion takes no bit away, and reaches the page tables by itself.
    @Test
    void anExclusionCountsAsANarrowing() {
        long before = rig.stat.get(Item.PGTABLE_NARROWED);
        try (MemallocScope s = MemallocScope.excluding(ReclaimDomain.of("d"), SITE)) {
            assertThat(s).isNotNull();
            assertTables(Gfp.KERNEL, Gfp.KERNEL);
        }
        assertThat(rig.stat.get(Item.PGTABLE_NARROWED)).isGreaterThan(before);
    }

    private void assertTables(int gfp, int used) {
        rig.taken();
        long a = vmalloc.alloc(3 * MIB, gfp);
        assertThat(a).isNotZero();
        assertThat(rig.taken(Role.PGTABLE)).as(Gfp.toString(gfp)).isNotEmpty().allSatisfy(r -> {
            assertThat(r.entry()).isEqualTo(Gfp.KERNEL | Gfp.ZERO);
            assertThat(r.used()).isEqualTo(used | Gfp.ZERO);
            assertThat(r.order()).isZero();
        });
        vmalloc.free(a);
        rig.purge();
    }

    /// The same seen from the victim: a shrinker that needs the store's lock is asked, for page
    /// tables, with a mask without FS, and never with one.
    @Test
    @Row({"H3", "H4"})
    void reclaimForPageTablesKeepsToTheCallersMask() {
        assertThat(masksOfReclaimForTables(Gfp.NOFS)).isNotEmpty()
                .allMatch(gfp -> (gfp & Gfp.FS) == 0 && (gfp & Gfp.IO) != 0);
        assertThat(masksOfReclaimForTables(Gfp.NOIO)).isNotEmpty()
                .allMatch(gfp -> (gfp & (Gfp.FS | Gfp.IO)) == 0);
        assertThat(masksOfReclaimForTables(Gfp.KERNEL)).as("else this test could not fail")
                .isNotEmpty().allMatch(gfp -> (gfp & Gfp.FS) != 0);
        assertThat(masksOfReclaimForTables(Gfp.KERNEL | Gfp.RETRY_MAYFAIL))
                .as("noreclaim: from the reserve").isEmpty();
    }

    /// Makes an area while the last data frame has just taken the last free one, so that page
    /// tables must reclaim; returns the masks with which the shrinker was asked meanwhile.
    private List<Integer> masksOfReclaimForTables(int gfp) {
        List<Long> cached = new ArrayList<>();
        for (int i = 0; i < 64; i++) {
            cached.add(rig.pages.alloc(0, Gfp.NOWAIT));
        }
        List<Integer> masks = new ArrayList<>();
        var handle = rig.pages.shrinkers().register("cache", new Shrinker() {
            @Override
            public long count(ShrinkControl sc) {
                return cached.size();
            }

            @Override
            public long scan(ShrinkControl sc) {
                if (isForPageTable()) {
                    masks.add(sc.gfp());
                }
                rig.pages.free(cached.removeLast());
                sc.scanned(1);
                return 1;
            }
        }, null, 2, 1, false, Frames.SIZE);
        List<Long> drained = new ArrayList<>();
        rig.pages.listener((role, _, _, _, _) -> {
            if (role == Role.VMALLOC_DATA) {
                for (long run = rig.zone.take(0, 8); run != 0; run = rig.zone.take(0, 8)) {
                    drained.add(run);
                }
            }
        });
        // One frame, in one request: the tables come next.
        long a = vmalloc.alloc(Frames.SIZE, gfp);
        assertThat(a).isNotZero();
        rig.pages.listener(null);
        drained.forEach(rig.zone::give);
        handle.close();
        cached.forEach(rig.pages::free);
        vmalloc.free(a);
        rig.purge();
        return masks;
    }

    private static boolean isForPageTable() {
        return StackWalker.getInstance().walk(frames -> frames.anyMatch(
                f -> f.getClassName().equals(PageTable.class.getName())));
    }

    /// Fails the first, second, … of everything that can fail: the area is whole or nothing is
    /// left.
    @Test
    @Row({"H9", "H8"})
    void aPartialResultIsTakenBackWhole() {
        List<Long> held = rig.fragment();
        long used = rig.used();
        int failed = 0;
        for (int nth = 0;; nth++) {
            int[] left = {nth};
            rig.pages.faultInjector((_, order, _) -> order == 0 && left[0]-- == 0);
            long a = vmalloc.alloc(24 * Frames.SIZE, Gfp.KERNEL);
            if (left[0] >= 0) {
                assertThat(a).isNotZero();
                vmalloc.free(a);
                break;
            }
            assertThat(a).isZero();
            failed++;
            assertThat(rig.used()).as("the %d. failed", nth).isEqualTo(used);
            assertThat(rig.budget.used()).isEqualTo(3);
            assertThat(vmalloc.lazyBytes()).isZero();
            rig.verify();
        }
        assertThat(failed).as("24 data frames, some nodes").isGreaterThan(24);
        rig.purge();
        for (int nth = 0; nth < 24; nth++) {
            int[] left = {nth};
            rig.calls.before("mmap", () -> {
                if (left[0]-- == 0) {
                    rig.calls.refuse("mmap", 1);
                }
            });
            assertThat(vmalloc.alloc(24 * Frames.SIZE, Gfp.KERNEL)).isZero();
            assertThat(rig.used()).isEqualTo(used);
            assertThat(rig.budget.used()).isEqualTo(3);
            rig.verify();
        }
        rig.pages.faultInjector((_, _, _) -> false);
        rig.calls.before("mmap", () -> { });
        rig.free(held);
    }

    @Test
    @Row("H8")
    void largeRunsAreTakenWithoutReclaimAndInsistingAndTheOrderShrinks() {
        rig.taken();
        long a = vmalloc.alloc(4 * MIB + 3 * Frames.SIZE, Gfp.KERNEL | Gfp.NOFAIL);
        List<Integer> orders = new ArrayList<>();
        rig.taken(Role.VMALLOC_DATA).forEach(r -> {
            orders.add(r.order());
            assertThat((r.entry() & Gfp.NOFAIL) != 0).isEqualTo(r.order() < 9);
        });
        assertThat(orders).containsExactly(10, 1, 0);
        vmalloc.free(a);
        rig.purge();
        rig.pages.faultInjector((_, order, _) -> order > 2);
        a = vmalloc.alloc(16 * Frames.SIZE, Gfp.KERNEL);
        assertThat(rig.taken(Role.VMALLOC_DATA)).hasSize(4).allMatch(r -> r.order() == 2);
        vmalloc.free(a);
    }

    @Test
    @Row("H10")
    void aGuardFollowsEachAreaAndIsNotPartOfIt() {
        List<Long> areas = new ArrayList<>();
        for (int i = 1; i <= 6; i++) {
            areas.add(vmalloc.alloc(Frames.bytes(i), Gfp.KERNEL));
        }
        for (int i = 0; i < areas.size(); i++) {
            long end = areas.get(i) + Frames.bytes(i + 1);
            assertThat(vmalloc.frameOf(end - 1)).isPositive();
            assertThat(vmalloc.frameOf(end)).isZero();
            assertThat(vmalloc.owns(end)).isFalse();
            assertThat(areas).doesNotContain(end);
            assertThat(vmalloc.requestedSize(areas.get(i))).isEqualTo(Frames.bytes(i + 1));
        }
        areas.forEach(vmalloc::free);
    }

    @Test
    @Row("H11")
    void withoutAddressesLazyAreasArePurgedOnceIfTheMaskMayBlock() {
        try (VmallocRig small = new VmallocRig(2048, 100 * Frames.SIZE, 100, Clock.system(),
                false)) {
            List<Long> areas = new ArrayList<>();
            for (int i = 0; i < 10; i++) {
                areas.add(small.vmalloc.alloc(9 * Frames.SIZE, Gfp.KERNEL));
            }
            assertThat(areas).doesNotContain(0L);
            assertThat(small.vmalloc.alloc(Frames.SIZE, Gfp.KERNEL)).isZero();
            areas.forEach(small.vmalloc::free);
            assertThat(small.vmalloc.alloc(50 * Frames.SIZE, Gfp.ATOMIC)).isZero();
            assertThat(small.vmalloc.lazyBytes()).isEqualTo(90 * Frames.SIZE);
            long a = small.vmalloc.alloc(50 * Frames.SIZE, Gfp.KERNEL);
            assertThat(a).isNotZero();
            assertThat(small.stat.get(Item.VMALLOC_PURGED)).isEqualTo(10);
            small.vmalloc.free(a);
            assertThat(small.vmalloc.alloc(100 * Frames.SIZE, Gfp.KERNEL | Gfp.NOFAIL))
                    .as("longer than all addresses with its guard: never").isZero();
            small.assertNothingLeaked();
        }
    }

    @Test
    @Row("H12")
    void freeingIsLazyAndDirectReclaimTakesItBackFirst() {
        long a = vmalloc.alloc(MIB, Gfp.KERNEL);
        vmalloc.free(a);
        assertThat(vmalloc.lazyBytes()).isEqualTo(MIB);
        assertThat(rig.stat.get(Item.VMALLOC_PURGED)).isZero();
        assertThat(rig.pages.shrinkers().internalFrames()).isGreaterThanOrEqualTo(256);
        assertThat(rig.vmscan.tryToFreePages(0, Gfp.NOIO)).isGreaterThanOrEqualTo(256);
        assertThat(vmalloc.lazyBytes()).isZero();
    }

    @Test
    @Row("H13")
    void freeingNothingDoesNothingAndTheUnknownIsRefused() {
        assertThatCode(() -> vmalloc.free(0)).doesNotThrowAnyException();
        assertThatThrownBy(() -> vmalloc.free(rig.memory.vmallocStart()))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> vmalloc.free(1)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    @Row("H14")
    void everyAddressTellsItsFrame() {
        long a = vmalloc.alloc(4 * MIB, Gfp.KERNEL);
        long first = vmalloc.frameOf(a);
        assertThat(vmalloc.frameOf(a + 5 * Frames.SIZE + 3)).as("inside a large run")
                .isEqualTo(first + 5);
        assertThat(vmalloc.frameOf(a - 1)).isZero();
        assertThat(vmalloc.frameOf(rig.memory.base())).isZero();
        vmalloc.free(a);
    }

    @Test
    @Row("H16")
    @FallsShort("1")
    void withoutBlockingNothingIsReclaimedAndTheTablesMayUseTheReserve() {
        int[] asked = {0};
        var handle = rig.pages.shrinkers().register("nosy", new Shrinker() {
            @Override
            public long count(ShrinkControl sc) {
                asked[0]++;
                return 100;
            }

            @Override
            public long scan(ShrinkControl sc) {
                asked[0]++;
                return STOP;
            }
        }, null, 2, 128, false, Frames.SIZE);
        List<Long> held = new ArrayList<>();
        for (long run = rig.pages.alloc(0, Gfp.NOWARN); run != 0;
                run = rig.pages.alloc(0, Gfp.NOWARN)) {
            held.add(run);
        }
        assertThat(vmalloc.alloc(Frames.SIZE, Gfp.NOWAIT)).as("no data frame").isZero();
        long a = vmalloc.alloc(Frames.SIZE, Gfp.ATOMIC);
        assertThat(a).as("HIGH for the data, the reserve for the tables").isNotZero();
        assertThat(asked[0]).isZero();
        assertThat(vmalloc.alloc(8 * MIB, Gfp.ATOMIC)).isZero();
        vmalloc.free(a);
        handle.close();
        rig.free(held);
    }
}
