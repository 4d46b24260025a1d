package dev.polder.gfp;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.polder.task.Task;
import java.lang.management.ManagementFactory;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.IntUnaryOperator;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/// What must allocate nothing once it is compiled: counted by the JVM, not timed.
///
/// On 25 and later: older compilers keep the exception path of a try-with-resources, and with it
/// the handle.
@SuppressWarnings("LockNotBeforeTry") // locks are the subject here
@ExtendWith(CleanScopes.class)
@Tag("newer-java")
class AllocationTest {
    private static final ScopeSite SITE = ScopeSite.of("allocation test");
    private static final ReclaimDomain DOMAIN = ReclaimDomain.of("allocation test");
    private static final Lock GUARD = DOMAIN.guard(new ReentrantLock(), SITE);
    private static final int CALLS = 100_000;

    /// Compilation is in the background: attempts until it has happened.
    private static final int ATTEMPTS = 200;

    private static void assertAllocatesNothing(IntUnaryOperator loop) {
        ThreadMXBean bean = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long least = Long.MAX_VALUE;
        int used = 0;
        for (int i = 0; i < ATTEMPTS && least >= CALLS / 100; i++) {
            long before = bean.getCurrentThreadAllocatedBytes();
            used += loop.applyAsInt(CALLS);
            least = Math.min(least, bean.getCurrentThreadAllocatedBytes() - before);
        }
        assertThat(used).isNotNegative();
        assertThat(least).as("bytes in %d calls", CALLS).isLessThan(CALLS / 100);
    }

    @Test
    void scopes() {
        assertAllocatesNothing(calls -> {
            int fs = 0;
            for (int i = 0; i < calls; i++) {
                try (MemallocScope scope = MemallocScope.noFs(SITE)) {
                    fs += Memalloc.effective(Gfp.KERNEL) & Gfp.FS;
                }
            }
            return fs;
        });
    }

    @Test
    void scopesWithABareReason() {
        assertAllocatesNothing(calls -> {
            int fs = 0;
            for (int i = 0; i < calls; i++) {
                try (MemallocScope scope = MemallocScope.noIo("bare")) {
                    fs += Memalloc.effective(Gfp.KERNEL) & Gfp.FS;
                }
            }
            return fs;
        });
    }

    @Test
    void nestedScopesAndExclusions() {
        assertAllocatesNothing(calls -> {
            int fs = 0;
            for (int i = 0; i < calls; i++) {
                try (MemallocScope outer = MemallocScope.excluding(DOMAIN, SITE);
                        MemallocScope inner = MemallocScope.noFs(SITE)) {
                    fs += Task.current().excludes(DOMAIN) ? 0 : 1;
                }
            }
            return fs;
        });
    }

    @Test
    void tokensAndGuards() {
        assertAllocatesNothing(calls -> {
            int fs = 0;
            for (int i = 0; i < calls; i++) {
                int token = Memalloc.nofsSave();
                GUARD.lock();
                fs += Memalloc.effective(Gfp.KERNEL) & Gfp.FS;
                GUARD.unlock();
                Memalloc.nofsRestore(token);
            }
            return fs;
        });
    }

    @Test
    void thePortWithoutATracker() {
        assertAllocatesNothing(calls -> {
            for (int i = 0; i < calls; i++) {
                FsReclaim.mightAlloc(Gfp.KERNEL);
            }
            return 0;
        });
    }
}
