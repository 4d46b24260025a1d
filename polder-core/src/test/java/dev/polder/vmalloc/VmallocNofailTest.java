package dev.polder.vmalloc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.PolderEvents;
import dev.polder.os.Clock;
import dev.polder.os.VirtualClock;
import dev.polder.page.Role;
import dev.polder.testkit.FallsShort;
import dev.polder.testkit.Row;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// NOFAIL in vmalloc, on virtual time. A kernel can spin for ever here: after a page-table frame
/// failed half-way, its retry meets the entries it made before.
@Timeout(60)
class VmallocNofailTest {
    private static final int NOFAIL = Gfp.KERNEL | Gfp.NOFAIL;
    private static final long SIZE = 5 << 20;
    /// The root, and a leaf for each 2 MiB that the area touches.
    private static final int NODES = 1 + 3;

    private final VirtualClock clock = new VirtualClock();
    private final VmallocRig rig =
            new VmallocRig(VmallocRig.FRAMES, 128L << 20, 3_000, clock, false);
    private final Vmalloc vmalloc = rig.vmalloc;

    @AfterEach
    void nothingLeaks() {
        rig.assertNothingLeaked();
        rig.close();
    }

    private Future<Long> start(long size, int gfp) {
        CompletableFuture<Long> result = new CompletableFuture<>();
        Thread.ofPlatform().daemon().start(() -> {
            try {
                result.complete(vmalloc.alloc(size, gfp));
            } catch (RuntimeException | Error e) {
                result.completeExceptionally(e);
            }
        });
        return result;
    }

    /// Lets `ticks` ticks pass, checks that the thread waits through each to its end, and returns
    /// what it got then.
    private long after(int ticks, Future<Long> running) throws Exception {
        for (int i = 0; i < ticks; i++) {
            clock.awaitParked(1);
            clock.advance(Clock.TICK_NANOS - 1);
            assertThat(clock.parkedThreads()).as("a whole tick").isEqualTo(1);
            assertThat(running).isNotDone();
            clock.advance(1);
        }
        return running.get(30, TimeUnit.SECONDS);
    }

    private void assertWhole(long a) {
        assertThat(a).isNotZero();
        rig.fill(a, SIZE, 11);
        rig.assertFilled(a, SIZE, 11);
        rig.verify();
        vmalloc.free(a);
        rig.purge();
    }

    @Test
    @Row("H7")
    @FallsShort("2")
    void everyPageTableFrameMayFailOnceAndTheRetryGoesOnFromThere() throws Exception {
        List<Long> held = rig.fragment();
        for (int nth = 0; nth < NODES; nth++) {
            int[] left = {nth};
            rig.pages.faultInjector((site, _, _) -> site.equals("pgtable") && left[0]-- == 0);
            rig.taken();
            assertWhole(after(1, start(SIZE, NOFAIL)));
            assertThat(left[0]).as("the failure was met").isNegative();
            List<VmallocRig.Request> requests = rig.taken();
            assertThat(requests.stream().filter(r -> r.role() == Role.VMALLOC_DATA))
                    .as("no data frame is taken twice").hasSize((int) Frames.count(SIZE));
            assertThat(requests.stream().filter(r -> r.role() == Role.PGTABLE && r.got()))
                    .as("no node is taken twice").hasSize(NODES);
        }
        rig.pages.faultInjector((_, _, _) -> false);
        rig.free(held);
    }

    @Test
    @Row("H7")
    void itWaitsAsLongAsItTakes() throws Exception {
        int[] left = {25};
        rig.pages.faultInjector((site, _, _) -> site.equals("pgtable") && left[0]-- > 0);
        assertWhole(after(25, start(SIZE, NOFAIL)));
        rig.pages.faultInjector((_, _, _) -> false);
    }

    @Test
    @Row({"H7", "H3"})
    void everyTryRunsInTheScopeOfTheMask() throws Exception {
        int[] left = {3};
        rig.pages.faultInjector((site, _, _) -> site.equals("pgtable") && left[0]-- > 0);
        rig.taken();
        assertWhole(after(3, start(SIZE, Gfp.NOIO | Gfp.NOFAIL)));
        assertThat(rig.taken(Role.PGTABLE)).hasSizeGreaterThan(6)
                .allMatch(r -> r.used() == (Gfp.NOIO | Gfp.ZERO));
        rig.pages.faultInjector((_, _, _) -> false);
    }

    @Test
    @Row("H7")
    void aRefusedMappingIsTriedAgain() throws Exception {
        List<Long> held = rig.fragment();
        int[] calls = {0};
        rig.calls.before("mmap", () -> {
            if (++calls[0] == 100) {
                rig.calls.refuse("mmap", 1);
            }
        });
        assertWhole(after(1, start(SIZE, NOFAIL)));
        rig.free(held);
    }

    @Test
    @Row("H7")
    void withoutAddressesItWaitsForSomebodyToFree() throws Exception {
        VirtualClock own = new VirtualClock();
        try (VmallocRig small = new VmallocRig(2048, 20 * Frames.SIZE, 100, own, false)) {
            long a = small.vmalloc.alloc(12 * Frames.SIZE, Gfp.KERNEL);
            CompletableFuture<Long> got = new CompletableFuture<>();
            Thread.ofPlatform().daemon().start(
                    () -> got.complete(small.vmalloc.alloc(11 * Frames.SIZE, NOFAIL)));
            own.awaitParked(1);
            own.advance(Clock.TICK_NANOS);
            own.awaitParked(1);
            small.vmalloc.free(a);
            own.advance(Clock.TICK_NANOS);
            small.vmalloc.free(got.get(30, TimeUnit.SECONDS));
            small.assertNothingLeaked();
        }
    }

    @Test
    @Row("H7")
    void withoutMappingsItLetsGoOfItsFramesWaitsAndSaysForWhat() throws Exception {
        Queue<String> told = new ConcurrentLinkedQueue<>();
        PolderEvents.listen(new PolderEvents() {
            @Override
            public void trouble(String pool, String what, @Nullable Throwable thrown) {
                told.add(what);
            }
        });
        VirtualClock own = new VirtualClock();
        try (VmallocRig small = new VmallocRig(2048, 64 << 20, 3 + 30, own, false)) {
            List<Long> held = small.fragment();
            long a = small.vmalloc.alloc(20 * Frames.SIZE, Gfp.KERNEL);
            long used = small.used();
            CompletableFuture<Long> got = new CompletableFuture<>();
            Thread.ofPlatform().daemon().start(
                    () -> got.complete(small.vmalloc.alloc(15 * Frames.SIZE, NOFAIL)));
            own.awaitParked(1);
            assertThat(small.used()).as("no frame is held while it waits").isEqualTo(used);
            assertThat(PolderEvents.awaitDelivered(30, TimeUnit.SECONDS)).isTrue();
            assertThat(told).contains("vmalloc of 61440 bytes with GFP_KERNEL|__GFP_NOFAIL waits "
                    + "for mappings, until areas are freed: it needs 16 as the free frames lie, "
                    + "and 24 of 33 mappings are in use");
            small.vmalloc.free(a);
            own.advance(Clock.TICK_NANOS);
            small.vmalloc.free(got.get(30, TimeUnit.SECONDS));
            small.free(held);
            small.assertNothingLeaked();
        } finally {
            PolderEvents.listen(null);
        }
    }

    @Test
    @Row({"H7", "D17"})
    void nofailThatMayNotBlockFailsAndDoesNotWait() {
        rig.pages.faultInjector((site, _, _) -> site.equals("pgtable"));
        assertThat(vmalloc.alloc(SIZE, Gfp.ATOMIC | Gfp.NOFAIL)).isZero();
        assertThat(clock.parks()).isZero();
        rig.pages.faultInjector((_, _, _) -> false);
    }

    @Test
    void anInterruptDoesNotShortenTheWaitAndIsKept() throws Exception {
        boolean[] kept = new boolean[1];
        int[] left = {1};
        rig.pages.faultInjector((site, _, _) -> site.equals("pgtable") && left[0]-- > 0);
        CompletableFuture<Long> got = new CompletableFuture<>();
        Thread.ofPlatform().daemon().start(() -> {
            Thread.currentThread().interrupt();
            long a = vmalloc.alloc(SIZE, NOFAIL);
            kept[0] = Thread.currentThread().isInterrupted();
            got.complete(a);
        });
        assertWhole(after(1, got));
        assertThat(kept[0]).isTrue();
        rig.pages.faultInjector((_, _, _) -> false);
    }

    @Test
    @Row("H9")
    void closingThePoolIsNoShortage() {
        VmallocRig closing = new VmallocRig(2048, 64 << 20, 100, Clock.system(), false);
        closing.pages.listener((role, _, _, _, _) -> {
            if (role == Role.VMALLOC_DATA) {
                closing.pages.close();
            }
        });
        assertThatThrownBy(() -> closing.vmalloc.alloc(SIZE, Gfp.KERNEL))
                .isInstanceOf(IllegalStateException.class).hasMessageContaining("closed");
        assertThat(closing.used()).as("what it had is given back").isZero();
        assertThatThrownBy(() -> closing.vmalloc.alloc(SIZE, Gfp.NOWAIT))
                .isInstanceOf(IllegalStateException.class);
        closing.close();
    }

    @Test
    void closingThePoolEndsTheWait() {
        VirtualClock own = new VirtualClock();
        VmallocRig closing = new VmallocRig(2048, 64 << 20, 100, own, false);
        closing.pages.faultInjector((site, _, _) -> site.equals("pgtable"));
        CompletableFuture<Throwable> thrown = new CompletableFuture<>();
        Thread.ofPlatform().daemon().start(() -> {
            try {
                closing.vmalloc.alloc(SIZE, NOFAIL);
            } catch (IllegalStateException e) {
                thrown.complete(e);
            }
        });
        own.awaitParked(1);
        closing.pages.close();
        own.advance(Clock.TICK_NANOS);
        assertThat(thrown).succeedsWithin(30, TimeUnit.SECONDS);
        assertThat(closing.used()).as("what it had is given back").isZero();
        closing.close();
    }
}
