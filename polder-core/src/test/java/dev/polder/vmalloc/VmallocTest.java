package dev.polder.vmalloc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.memgroup.MemGroup;
import dev.polder.os.Clock;
import dev.polder.page.NonBlockingThreads;
import dev.polder.page.Role;
import dev.polder.stat.VmStat.Item;
import dev.polder.task.Task;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class VmallocTest {
    private static final long MIB = 1 << 20;

    private final VmallocRig rig = new VmallocRig();
    private final Vmalloc vmalloc = rig.vmalloc;

    @AfterEach
    void nothingLeaks() {
        rig.assertNothingLeaked();
        rig.close();
    }

    @Test
    void anAreaIsOneRowOfAddressesOverTheFramesItNames() {
        long a = vmalloc.alloc(3 * MIB + 5, Gfp.KERNEL);
        assertThat(a).isGreaterThanOrEqualTo(rig.memory.vmallocStart());
        assertThat(a % Frames.SIZE).isZero();
        rig.fill(a, 3 * MIB, 17);
        rig.assertFilled(a, 3 * MIB, 17);
        for (long page = 0; page <= 3 * MIB / Frames.SIZE; page++) {
            long frame = vmalloc.frameOf(a + page * Frames.SIZE + 9);
            assertThat(frame).isPositive();
            assertThat(rig.read(rig.zone.addressOf(frame)))
                    .isEqualTo(rig.read(a + page * Frames.SIZE));
        }
        assertThat(vmalloc.requestedSize(a)).isEqualTo(3 * MIB + 5);
        assertThat(vmalloc.owns(a + MIB)).isTrue();
        assertThat(vmalloc.liveBytes()).isEqualTo(3 * MIB + Frames.SIZE);
        rig.verify();
        vmalloc.free(a);
    }

    @Test
    void scatteredFramesAreMadeContiguous() {
        List<Long> held = rig.fragment();
        long a = vmalloc.alloc(MIB, Gfp.KERNEL);
        assertThat(a).isNotZero();
        assertThat(rig.taken(Role.VMALLOC_DATA)).hasSize(256).allMatch(r -> r.order() == 0);
        rig.fill(a, MIB, 3);
        rig.assertFilled(a, MIB, 3);
        assertThat(rig.budget.used()).as("one mapping for each frame, one for the guard")
                .isEqualTo(3 + 257);
        rig.verify();
        vmalloc.free(a);
        rig.free(held);
    }

    @Test
    void largeRunsAreOneMappingAndOneCall() {
        int before = rig.calls.made("mmap");
        long a = vmalloc.alloc(8 * MIB, Gfp.KERNEL);
        int pieces = rig.budget.used() - 3 - 1;
        assertThat(pieces).isLessThanOrEqualTo(2);
        assertThat(rig.calls.made("mmap") - before).isEqualTo(pieces);
        vmalloc.free(a);
    }

    @Test
    void aFreshAreaTakesOneCallForEachPiece() {
        List<Long> held = rig.fragment();
        for (int n : new int[] {1, 7, 64}) {
            int before = rig.calls.made("mmap");
            long a = vmalloc.alloc(n * Frames.SIZE, Gfp.KERNEL);
            int[] pieces = {0};
            vmalloc.forEachArea((address, _, _, p) -> pieces[0] += address == a ? p : 0);
            assertThat(pieces[0]).as("no two of the frames left lie together").isEqualTo(n);
            assertThat(rig.calls.made("mmap") - before).isEqualTo(n);
            vmalloc.free(a);
        }
        rig.free(held);
    }

    @Test
    void aFreedAreaIsTakenAgainWithoutASystemCall() {
        long a = vmalloc.alloc(MIB, Gfp.KERNEL);
        rig.write(a, 77);
        vmalloc.free(a);
        assertThat(vmalloc.lazyBytes()).isEqualTo(MIB);
        assertThat(vmalloc.liveBytes()).isZero();
        assertThat(vmalloc.frameOf(a)).as("freed").isZero();
        int calls = rig.calls.made("mmap");
        rig.taken();
        assertThat(vmalloc.alloc(MIB - 100, Gfp.KERNEL)).isEqualTo(a);
        assertThat(rig.calls.made("mmap")).isEqualTo(calls);
        assertThat(rig.taken()).isEmpty();
        assertThat(rig.read(a)).as("not zeroed without ZERO").isEqualTo(77);
        assertThat(vmalloc.requestedSize(a)).isEqualTo(MIB - 100);
        assertThat(rig.stat.get(Item.VMALLOC_LAZY_REUSE)).isEqualTo(1);
        vmalloc.free(a);
    }

    @Test
    void zeroMeansZeroForNewAndReusedAreas() {
        long a = vmalloc.alloc(MIB, Gfp.KERNEL);
        rig.fill(a, MIB, 99);
        vmalloc.free(a);
        assertThat(vmalloc.alloc(MIB, Gfp.KERNEL | Gfp.ZERO)).isEqualTo(a);
        assertZero(a, MIB);
        rig.fill(a, MIB, 99);
        vmalloc.free(a);
        rig.purge();
        long b = vmalloc.alloc(MIB, Gfp.KERNEL | Gfp.ZERO);
        assertZero(b, MIB);
        vmalloc.free(b);
    }

    private void assertZero(long address, long bytes) {
        for (long at = 0; at < bytes; at += 256) {
            assertThat(rig.read(address + at)).isZero();
        }
    }

    @Test
    void wrongFreesAreRefusedAndSayWhatTheAddressIs() {
        long a = vmalloc.alloc(5 * Frames.SIZE, Gfp.KERNEL);
        assertBadFree(a + 8, "is inside a vmalloc area of 20480 bytes");
        assertBadFree(a + Frames.SIZE, "pass the address that alloc returned");
        assertBadFree(a + 5 * Frames.SIZE, "where no area is");
        assertBadFree(rig.memory.base() + Frames.SIZE, "no vmalloc address");
        assertBadFree(12345, "no vmalloc address");
        vmalloc.free(a);
        assertBadFree(a, "freed before");
        rig.purge();
        assertBadFree(a, "where no area is");
        assertThatThrownBy(() -> vmalloc.requestedSize(a))
                .isInstanceOf(IllegalArgumentException.class);
        assertThat(vmalloc.owns(a)).isFalse();
    }

    private void assertBadFree(long address, String what) {
        assertThatThrownBy(() -> vmalloc.free(address))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("0x" + Long.toHexString(address)).hasMessageContaining(what);
    }

    @Test
    void argumentsAreChecked() {
        assertThatThrownBy(() -> vmalloc.alloc(-1, Gfp.KERNEL))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> vmalloc.alloc(1, 1 << 30))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void freeingMoreThanIsWorthKeepingWakesKswapdAndUnmapsNothing() {
        long limit = VmallocRig.FRAMES / 16;
        List<Long> areas = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            areas.add(vmalloc.alloc(Frames.bytes(limit / 2), Gfp.KERNEL));
        }
        int calls = rig.calls.made("mmap");
        vmalloc.free(areas.get(0));
        vmalloc.free(areas.get(1));
        assertThat(rig.wakes()).isZero();
        vmalloc.free(areas.get(2));
        assertThat(rig.wakes()).isEqualTo(1);
        assertThat(rig.calls.made("mmap")).isEqualTo(calls);
        assertThat(vmalloc.lazyBytes()).isEqualTo(Frames.bytes(limit / 2 * 3));
        LazyAreaReclaimer lazy = new LazyAreaReclaimer(vmalloc);
        assertThat(lazy.excessFrames()).isEqualTo(limit);
        assertThat(lazy.reclaim(lazy.excessFrames())).isEqualTo(limit);
        assertThat(lazy.excessFrames()).isZero();
    }

    @Test
    void theLimitFollowsProcessorsAndPool() {
        long huge = 1L << 30;
        assertThat(Vmalloc.lazyLimit(huge, 1)).isEqualTo(32 * MIB / Frames.SIZE);
        assertThat(Vmalloc.lazyLimit(huge, 2)).isEqualTo(2 * 32 * MIB / Frames.SIZE);
        assertThat(Vmalloc.lazyLimit(huge, 64)).isEqualTo(7 * 32 * MIB / Frames.SIZE);
        assertThat(Vmalloc.lazyLimit(1600, 64)).isEqualTo(100);
    }

    @Test
    void purgingTakesTheOldestFirstAndNoMoreThanWanted() {
        long a = vmalloc.alloc(16 * Frames.SIZE, Gfp.KERNEL);
        long b = vmalloc.alloc(8 * Frames.SIZE, Gfp.KERNEL);
        vmalloc.free(b);
        vmalloc.free(a);
        assertThat(new LazyAreaReclaimer(vmalloc).reclaim(1)).isEqualTo(8);
        assertThat(vmalloc.lazyBytes()).isEqualTo(16 * Frames.SIZE);
        assertThat(rig.stat.get(Item.VMALLOC_PURGED)).isEqualTo(1);
        assertThat(new LazyAreaReclaimer(vmalloc).reclaimableFrames()).isEqualTo(16);
    }

    @Test
    void aFreeOnAThreadInReclaimGivesTheFramesAtOnce() {
        long a = vmalloc.alloc(64 * Frames.SIZE, Gfp.KERNEL);
        long tables = vmalloc.pageTableFrames();
        Task task = Task.current();
        int token = task.enterReclaim();
        try {
            long before = task.reclaimed();
            vmalloc.free(a);
            assertThat(task.reclaimed() - before).isEqualTo(64 + tables);
        } finally {
            task.leaveReclaim(token);
        }
        assertThat(vmalloc.lazyBytes()).isZero();
    }

    @Test
    void aRefusedUnmappingKeepsTheAreaForLater() {
        long a = vmalloc.alloc(MIB, Gfp.KERNEL);
        vmalloc.free(a);
        rig.calls.refuse("mmap");
        assertThat(rig.purge()).isZero();
        assertThat(vmalloc.lazyBytes()).isEqualTo(MIB);
        rig.verify();
        rig.calls.allow("mmap");
        assertThat(vmalloc.alloc(MIB, Gfp.KERNEL)).isEqualTo(a);
        vmalloc.free(a);
    }

    @Test
    void anAreaThatCouldNeitherBeMadeNorUnmadeIsKeptButNotReused() {
        List<Long> held = rig.fragment();
        int[] calls = {0};
        rig.calls.before("mmap", () -> {
            if (++calls[0] == 3) {
                rig.calls.refuse("mmap");
            }
        });
        assertThat(vmalloc.alloc(8 * Frames.SIZE, Gfp.KERNEL)).isZero();
        assertThat(vmalloc.lazyBytes()).isEqualTo(8 * Frames.SIZE);
        rig.verify();
        rig.calls.allow("mmap");
        long other = vmalloc.alloc(8 * Frames.SIZE, Gfp.KERNEL);
        assertThat(rig.stat.get(Item.VMALLOC_LAZY_REUSE)).isZero();
        vmalloc.free(other);
        rig.free(held);
    }

    @Test
    void theMappingBudgetIsASharedLimitAndItsEndIsAShortage() {
        try (VmallocRig small = new VmallocRig(2048, 64 * MIB, 3 + 40,
                Clock.system(), false)) {
            List<Long> held = small.fragment();
            long a = small.vmalloc.alloc(30 * Frames.SIZE, Gfp.KERNEL);
            assertThat(a).isNotZero();
            assertThat(small.budget.used()).isEqualTo(3 + 31);
            assertThat(small.vmalloc.alloc(9 * Frames.SIZE, Gfp.KERNEL)).isZero();
            assertThat(small.budget.used()).isEqualTo(3 + 31);
            long b = small.vmalloc.alloc(8 * Frames.SIZE, Gfp.KERNEL);
            assertThat(b).isNotZero();
            small.vmalloc.free(b);
            small.vmalloc.free(a);
            assertThat(small.vmalloc.alloc(35 * Frames.SIZE, Gfp.ATOMIC))
                    .as("who may not block does not purge").isZero();
            long c = small.vmalloc.alloc(35 * Frames.SIZE, Gfp.KERNEL);
            assertThat(c).as("after a purge").isNotZero();
            small.vmalloc.free(c);
            small.free(held);
            small.assertNothingLeaked();
        }
    }

    @Test
    void aLazyAreaIsChargedToWhoeverUsesIt() {
        MemGroup one = rig.root.create("one");
        MemGroup two = rig.root.create("two");
        long a;
        try (var in = one.enter()) {
            assertThat(in).isNotNull();
            a = vmalloc.alloc(MIB, Gfp.KERNEL);
        }
        assertThat(one.charged()).isGreaterThanOrEqualTo(MIB);
        long tables = one.charged() - MIB;
        vmalloc.free(a);
        assertThat(one.charged()).isEqualTo(tables);
        two.max(MIB / 2);
        try (var in = two.enter()) {
            assertThat(in).isNotNull();
            assertThat(vmalloc.alloc(MIB, Gfp.NOWAIT)).as("over two's limit").isZero();
            assertThat(two.charged()).isZero();
            two.max(MIB);
            assertThat(vmalloc.alloc(MIB, Gfp.NOWAIT)).isEqualTo(a);
        }
        assertThat(two.charged()).isEqualTo(MIB);
        vmalloc.free(a);
        assertThat(two.charged()).isZero();
        assertThat(vmalloc.alloc(MIB, Gfp.KERNEL)).as("charged to nobody").isEqualTo(a);
        assertThat(rig.root.charged()).isEqualTo(tables);
        vmalloc.free(a);
    }

    @Test
    void anEventLoopThatMayNotBlockTakesOnlyWhatIsMapped() throws InterruptedException {
        long a = vmalloc.alloc(MIB, Gfp.KERNEL);
        vmalloc.free(a);
        long[] got = new long[2];
        Thread loop = Thread.ofPlatform().unstarted(() -> {
            got[0] = vmalloc.alloc(2 * MIB, Gfp.ATOMIC);
            got[1] = vmalloc.alloc(MIB, Gfp.ATOMIC);
        });
        NonBlockingThreads.declare(loop, true, false);
        loop.start();
        loop.join();
        assertThat(got).containsExactly(0, a);
        vmalloc.free(a);
    }

    @Test
    void areasAreShownInTheOrderOfTheirAddresses() {
        long a = vmalloc.alloc(10_000, Gfp.KERNEL);
        long b = vmalloc.alloc(20_000, Gfp.KERNEL);
        long c = vmalloc.alloc(30_000, Gfp.KERNEL);
        vmalloc.free(b);
        List<String> shown = new ArrayList<>();
        vmalloc.forEachArea((address, requested, pages, pieces) -> {
            assertThat(pieces).isPositive();
            shown.add(address + " " + requested + " " + pages);
        });
        assertThat(shown).containsExactly(a + " 10000 3", c + " 30000 8");
        vmalloc.free(a);
        vmalloc.free(c);
    }

    @Test
    void aClosedPoolRefuses() {
        VmallocRig other = new VmallocRig();
        long a = other.vmalloc.alloc(MIB, Gfp.KERNEL);
        assertThat(a).isNotZero();
        other.close();
        assertThat(other.budget.used()).as("one covered mapping stays").isEqualTo(1);
        assertThatThrownBy(() -> other.vmalloc.alloc(MIB, Gfp.KERNEL))
                .isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> other.vmalloc.free(a)).isInstanceOf(IllegalStateException.class);
    }

    /// Four threads take, check, pass on and free areas, with purges between.
    @Test
    void manyThreadsNeverShareAFrame() throws InterruptedException {
        List<Thread> threads = new ArrayList<>();
        List<Throwable> thrown = new ArrayList<>();
        for (int t = 0; t < 4; t++) {
            long seed = 1000L + t;
            threads.add(Thread.ofPlatform().start(() -> {
                try {
                    churn(new Random(seed), seed);
                } catch (Throwable e) {
                    synchronized (thrown) {
                        thrown.add(e);
                    }
                }
            }));
        }
        for (Thread t : threads) {
            t.join();
        }
        assertThat(thrown).isEmpty();
        rig.verify();
    }

    private void churn(Random random, long seed) {
        List<long[]> held = new ArrayList<>();
        for (int i = 0; i < 400; i++) {
            int dice = random.nextInt(20);
            if (dice == 0) {
                rig.purge();
            } else if (held.size() < 6 && dice < 11) {
                long size = (1 + random.nextInt(20)) * Frames.SIZE;
                long a = vmalloc.alloc(size, Gfp.KERNEL);
                if (a != 0) {
                    rig.fill(a, size, seed * a);
                    held.add(new long[] {a, size});
                }
            } else if (!held.isEmpty()) {
                long[] h = held.remove(random.nextInt(held.size()));
                rig.assertFilled(h[0], h[1], seed * h[0]);
                vmalloc.free(h[0]);
            }
        }
        held.forEach(h -> vmalloc.free(h[0]));
    }
}
