package dev.polder.slab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.gfp.Gfp;
import dev.polder.task.Task;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Threads, platform and virtual, that take, swap and free objects of power-law sizes, each with a
/// cookie that must be intact when it is freed, while others call the caches' memory back.
final class SlabTortureTest {
    private static final int SLOTS = 512;
    private static final int STEPS = 120_000;
    private static final int THREADS = 4;

    private final SlabPool pool = new SlabPool(32);
    private final Kmalloc kmalloc = new Kmalloc(pool.slabs());
    private final ConcurrentLinkedQueue<Throwable> failures = new ConcurrentLinkedQueue<>();
    /// Objects in exchange between all threads; 0 for none.
    private final AtomicLongArray slots = new AtomicLongArray(SLOTS);

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void cookiesSurvive(boolean virtual) throws InterruptedException {
        long seed = System.nanoTime();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < THREADS; i++) {
            int n = i;
            Thread.Builder builder = virtual ? Thread.ofVirtual() : Thread.ofPlatform();
            threads.add(builder.start(() -> run(new SplittableRandom(seed + n))));
        }
        threads.add(Thread.ofPlatform().start(this::callBack));
        for (Thread t : threads) {
            t.join(TimeUnit.SECONDS.toMillis(60));
            assertThat(t.isAlive()).as("seed %d: %s still runs", seed, t).isFalse();
        }
        assertThat(failures).as("seed %d", seed).isEmpty();
        pool.slabs().verify();
        for (int i = 0; i < SLOTS; i++) {
            long object = slots.get(i);
            if (object != 0) {
                checkAndFree(object);
            }
        }
        pool.assertNothingLeaked();
        pool.close();
    }

    private void run(SplittableRandom random) {
        try {
            for (int step = 0; step < STEPS && failures.isEmpty(); step++) {
                int slot = random.nextInt(SLOTS);
                long mine = 0;
                if (random.nextInt(100) < 60) {
                    double exponent = random.nextDouble() * random.nextDouble() * 17;
                    long size = 8 + (long) Math.pow(2, exponent);
                    mine = kmalloc.alloc(size, Gfp.KERNEL | Gfp.NOWARN);
                    if (mine != 0) {
                        pool.write(mine, cookie(mine, size));
                    }
                }
                long other = slots.getAndSet(slot, mine);
                if (other != 0) {
                    checkAndFree(other);
                }
                if (step % 256 == 0) {
                    LockSupport.parkNanos(1);
                }
            }
        } catch (Throwable t) {
            failures.add(t);
        }
    }

    private void checkAndFree(long object) {
        long size = kmalloc.requestedSize(object);
        if (pool.read(object) != cookie(object, size)) {
            throw new AssertionError("cookie of 0x" + Long.toHexString(object) + " is damaged");
        }
        kmalloc.free(object);
    }

    /// Drains and shrinks as reclaim does, on a thread in reclaim.
    private void callBack() {
        Task task = Task.current();
        for (int i = 0; i < 400; i++) {
            int token = task.enterReclaim();
            try {
                pool.slabs().drainSheaves();
                pool.slabs().shrinkEmpty(Long.MAX_VALUE);
            } catch (Throwable t) {
                failures.add(t);
            } finally {
                task.leaveReclaim(token);
            }
            LockSupport.parkNanos(1);
        }
    }

    private static long cookie(long object, long size) {
        return object * 31 ^ size << 48;
    }

    @Test
    void aDamagedCookieIsFound() {
        long object = kmalloc.alloc(64, Gfp.KERNEL);
        pool.write(object, cookie(object, 64) ^ 1);
        assertThat(org.assertj.core.api.Assertions.catchThrowable(() -> checkAndFree(object)))
                .isInstanceOf(AssertionError.class);
        kmalloc.free(object);
        pool.close();
    }
}
