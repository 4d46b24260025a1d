package dev.polder.kv;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.gfp.Gfp;
import dev.polder.gfp.Memalloc;
import dev.polder.page.Role;
import dev.polder.task.Task;
import dev.polder.testkit.Row;
import dev.polder.vmalloc.VmallocRig.Request;
import java.util.List;
import java.util.function.LongSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// A call that had to be wrapped, and the plain one that does the same: what file systems built
/// around vmalloc while it took no NOFS and no NOFAIL. `docs/linux-map.md` shows both.
@Tag("remapping")
@Timeout(60)
final class WrappedCallTest {
    private static final long SIZE = 256 << 10;

    private final KvRig rig = new KvRig(8192);

    @AfterEach
    void close() {
        rig.assertNothingLeaked();
        rig.close();
    }

    /// The workaround: a scope around one call, an open retry loop, and the fallback by hand.
    private long wrapped(long size) {
        while (true) {
            int token = Memalloc.nofsSave();
            try {
                long address = rig.kmalloc.alloc(size, Gfp.KERNEL | Gfp.NORETRY | Gfp.NOWARN);
                if (address == 0) {
                    address = rig.pool.vmalloc.alloc(size, Gfp.KERNEL);
                }
                if (address != 0) {
                    return address;
                }
            } finally {
                Memalloc.nofsRestore(token);
            }
            rig.pool.pages.retryWait(Gfp.NOFS);
        }
    }

    /// What is left of it.
    private long plain(long size) {
        return rig.kv.alloc(size, Gfp.NOFS | Gfp.NOFAIL);
    }

    /// The page-table requests that a call made while the first few requests were failed.
    private List<Request> tableRequests(LongSupplier call) {
        int[] left = {5};
        rig.pool.pages.faultInjector((_, _, _) -> left[0]-- > 0);
        rig.pool.taken();
        long address = call.getAsLong();
        rig.pool.pages.faultInjector((_, _, _) -> false);
        assertThat(address).isNotZero();
        assertThat(rig.kv.isVmalloc(address)).as("the contiguous try was failed").isTrue();
        assertThat(Task.current().flags()).as("no scope is left open").isZero();
        List<Request> tables = rig.pool.taken().stream()
                .filter(r -> r.role() == Role.PGTABLE).toList();
        rig.kv.free(address);
        rig.pool.purge();
        return tables;
    }

    @Test
    @Row({"H3", "H7", "I5", "I6", "B16"})
    void thePlainCallDoesWhatTheWrappedOneDid() {
        List<Request> before = tableRequests(() -> wrapped(SIZE));
        List<Request> after = tableRequests(() -> plain(SIZE));
        assertThat(before).isNotEmpty().allMatch(r -> (r.used() & Gfp.FS) == 0);
        assertThat(after).isNotEmpty().allMatch(r -> (r.used() & Gfp.FS) == 0);
        assertThat(after.getFirst().used()).isEqualTo(before.getFirst().used());
    }
}
