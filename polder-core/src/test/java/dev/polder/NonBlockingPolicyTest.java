package dev.polder;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.PolderEvents;
import dev.polder.mempool.MemPool;
import dev.polder.slab.SlabCache;
import dev.polder.testkit.Row;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// What an event loop gets that asks for more than it may, by its policy.
final class NonBlockingPolicyTest {
    private static final int DIRECT = Gfp.KERNEL & ~Gfp.KSWAPD_RECLAIM;

    private final Polder pool = Polder.open(PolderConfig.builder().name("loops")
            .budget(16L << 20).build());
    private final List<Long> held = new ArrayList<>();
    private final List<String> heard = new CopyOnWriteArrayList<>();
    private final AtomicInteger scans = new AtomicInteger();

    @BeforeEach
    void exhaust() {
        PolderEvents.listen(new PolderEvents() {
            @Override
            public void blockingOnEventLoop(String name, Thread thread, int gfp, String action) {
                heard.add(thread.getName() + ": " + action);
            }
        });
        for (int order = Frames.MAX_ORDER; order >= 0; order--) {
            for (long run = pool.pages().alloc(order, 0); run != 0;
                    run = pool.pages().alloc(order, 0)) {
                held.add(run);
            }
        }
        pool.register(ShrinkerSpec.of("held", new CallbackShrinker(() -> {
            scans.incrementAndGet();
            synchronized (held) {
                for (int i = 0; i < 64 && !held.isEmpty(); i++) {
                    pool.pages().free(held.removeLast());
                }
            }
        })));
    }

    @AfterEach
    void verifyAndClose() {
        PolderEvents.listen(null);
        synchronized (held) {
            held.forEach(pool.pages()::free);
            held.clear();
        }
        pool.verify();
        pool.close();
    }

    private static <T> T onLoop(NonBlockingPolicy policy, Supplier<T> request) throws Exception {
        FutureTask<T> task = new FutureTask<>(request::get);
        Thread loop = Thread.ofPlatform().name("loop").unstarted(task);
        Polder.declareNonBlocking(loop, policy);
        loop.start();
        return task.get(20, TimeUnit.SECONDS);
    }

    private List<String> told() throws InterruptedException {
        assertThat(PolderEvents.awaitDelivered(20, TimeUnit.SECONDS)).isTrue();
        return heard;
    }

    private void free(long run) {
        synchronized (held) {
            held.add(run);
        }
    }

    @Test
    void allowedItBlocksAndNobodyIsTold() throws Exception {
        long run = onLoop(NonBlockingPolicy.ALLOW, () -> pool.pages().alloc(0, DIRECT));
        assertThat(run).isNotZero();
        assertThat(scans.get()).isPositive();
        assertThat(told()).isEmpty();
        free(run);
    }

    @Test
    void reportedItBlocksAndSomebodyIsTold() throws Exception {
        long run = onLoop(NonBlockingPolicy.REPORT, () -> pool.pages().alloc(0, DIRECT));
        assertThat(run).isNotZero();
        assertThat(scans.get()).isPositive();
        assertThat(told()).containsExactly("loop: allowed, as its policy says");
        free(run);
    }

    @Test
    void whatCannotBlockIsNotReported() throws Exception {
        assertThat(onLoop(NonBlockingPolicy.REPORT, () -> pool.pages().alloc(0, 0))).isZero();
        assertThat(told()).isEmpty();
    }

    @Test
    void narrowedNothingRunsOnItAndItGetsNothing() throws Exception {
        assertThat(onLoop(NonBlockingPolicy.NARROW, () -> pool.pages().alloc(0, DIRECT))).isZero();
        assertThat(onLoop(NonBlockingPolicy.NARROW,
                () -> pool.vmalloc().alloc(1 << 20, DIRECT))).isZero();
        assertThat(onLoop(NonBlockingPolicy.NARROW,
                () -> pool.kmalloc().alloc(1 << 20, DIRECT))).isZero();
        assertThat(scans.get()).isZero();
    }

    @Test
    @Row("B17")
    void nofailIsNeverNarrowed() throws Exception {
        long run = onLoop(NonBlockingPolicy.NARROW,
                () -> pool.pages().alloc(0, DIRECT | Gfp.NOFAIL));
        assertThat(run).isNotZero();
        assertThat(scans.get()).isPositive();
        assertThat(told()).containsExactly("loop: allowed, since NOFAIL cannot be narrowed");
        free(run);
    }

    @Test
    void narrowedItDoesNotWaitForAReserve() throws Exception {
        SlabCache cache = pool.createCache("requests", 4096);
        long big = pool.pages().alloc(0, DIRECT);
        pool.pages().free(big);
        MemPool reserve = pool.createMemPool(cache, 1);
        long element = reserve.alloc(Gfp.NOWAIT | Gfp.NOMEMALLOC);
        assertThat(element).isNotZero();
        List<Long> more = new ArrayList<>();
        for (long a = cache.alloc(0); a != 0; a = cache.alloc(0)) {
            more.add(a);
        }
        long second = reserve.alloc(0);
        assertThat(onLoop(NonBlockingPolicy.NARROW, () -> reserve.alloc(DIRECT))).isZero();
        more.forEach(cache::free);
        reserve.free(element);
        if (second != 0) {
            reserve.free(second);
        }
        reserve.close();
        cache.close();
    }

    @Test
    void narrowedItMayAskAndBeServedLater() throws Exception {
        CompletableFuture<MemorySegment> f =
                onLoop(NonBlockingPolicy.NARROW, () -> pool.allocateAsync(64 << 10, Gfp.KERNEL));
        pool.free(f.get(20, TimeUnit.SECONDS));
        assertThat(told()).isEmpty();
    }
}
