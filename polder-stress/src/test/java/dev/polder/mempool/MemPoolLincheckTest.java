package dev.polder.mempool;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.Polder;
import dev.polder.PolderConfig;
import dev.polder.gfp.Gfp;
import dev.polder.slab.SlabCache;
import dev.polder.stress.Checks;
import org.jetbrains.lincheck.LincheckAssertionError;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.jetbrains.lincheck.datastructures.ThreadIdGen;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// Where the cache has nothing, the reserve's elements are lent as if to one thread after the
/// other: never more than there are, and none is lost. On real threads: a cache, a pool and its
/// kswapd below are too much to explore step by step.
@Tag("stress")
public class MemPoolLincheckTest {
    private static final SlabCache CACHE = Polder.open(
            PolderConfig.builder().name("lincheck").budget(PolderConfig.MIN_BUDGET).build())
            .createCache("lincheck", Long.BYTES);

    private final MemPool pool = new MemPool(CACHE, 1);
    private final long[] held = new long[Checks.THREAD_NUMBERS];

    /// A pool whose cache never has an object.
    public MemPoolLincheckTest() {
        pool.faultInjector((_, _, _) -> true);
    }

    /// Takes an element; false if there is none or the thread has one.
    @Operation
    public boolean take(@Param(gen = ThreadIdGen.class) int thread) {
        if (held[thread] != 0) {
            return false;
        }
        held[thread] = pool.alloc(Gfp.ATOMIC);
        return held[thread] != 0;
    }

    /// Gives the thread's element back; false if it has none.
    @Operation
    public boolean give(@Param(gen = ThreadIdGen.class) int thread) {
        if (held[thread] == 0) {
            return false;
        }
        pool.free(held[thread]);
        held[thread] = 0;
        return true;
    }

    @Test
    void theReserveIsLentOnce() {
        Checks.stress().check(MemPoolLincheckTest.class);
    }

    @Test
    void aReserveWithoutALockIsFound() {
        assertThatThrownBy(() -> Checks.modelChecking().check(Unlocked.class))
                .isInstanceOf(LincheckAssertionError.class);
    }

    /// The canary: a reserve that looks and takes in two steps.
    public static class Unlocked {
        private volatile int stored = 8;

        /// Takes an element.
        @Operation
        @SuppressWarnings("NonAtomicVolatileUpdate") // the planted fault
        public boolean take() {
            if (stored == 0) {
                return false;
            }
            stored--;
            return true;
        }
    }
}
