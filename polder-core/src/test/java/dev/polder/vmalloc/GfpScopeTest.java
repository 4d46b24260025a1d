package dev.polder.vmalloc;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.gfp.Gfp;
import dev.polder.gfp.Memalloc;
import dev.polder.task.Task;
import dev.polder.testkit.Row;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GfpScopeTest {
    /// The rule of H4 and, last three, its mending of H5, written out.
    @ParameterizedTest
    @Row({"H3", "H4", "H5"})
    @CsvSource({
        "GFP_KERNEL, 0", "GFP_KERNEL|__GFP_NOFAIL, 0", "GFP_KERNEL|__GFP_ZERO|__GFP_HIGH, 0",
        "GFP_NOFS, 1", "GFP_NOFS|__GFP_NOFAIL, 1", "GFP_NOIO, 2", "GFP_NOIO|__GFP_NOFAIL, 2",
        "GFP_ATOMIC, 4", "GFP_NOWAIT, 4", "0, 4", "GFP_ATOMIC|__GFP_NOFAIL, 4",
        "GFP_KERNEL|__GFP_NORETRY, 4", "GFP_KERNEL|__GFP_RETRY_MAYFAIL, 4",
        "GFP_NOFS|__GFP_NORETRY, 4", "GFP_NOIO|__GFP_RETRY_MAYFAIL, 4",
        "GFP_KERNEL|__GFP_NOFAIL|__GFP_RETRY_MAYFAIL, 4",
        "__GFP_RECLAIM|__GFP_FS, 2", "__GFP_DIRECT_RECLAIM|__GFP_FS, 2", "__GFP_FS, 4"})
    void aMaskHasItsScope(String mask, int scope) {
        assertThat(GfpScope.of(Gfp.parse(mask))).isEqualTo(scope);
    }

    /// Whatever the mask: what the page tables may do is never more than what the mask allows.
    @Test
    @Row({"H3", "H5"})
    void theScopeNeverAllowsWhatTheMaskForbids() {
        int[] bits = {Gfp.IO, Gfp.FS, Gfp.DIRECT_RECLAIM, Gfp.KSWAPD_RECLAIM, Gfp.NORETRY,
            Gfp.RETRY_MAYFAIL, Gfp.NOFAIL};
        for (int set = 0; set < 1 << bits.length; set++) {
            int gfp = 0;
            for (int i = 0; i < bits.length; i++) {
                gfp |= (set >> i & 1) != 0 ? bits[i] : 0;
            }
            int token = GfpScope.enter(gfp);
            try {
                int table = Memalloc.effective(Gfp.KERNEL);
                boolean reclaims = (Task.current().flags() & Task.NORECLAIM) == 0;
                String mask = Gfp.toString(gfp);
                if (reclaims) {
                    assertThat(gfp & Gfp.DIRECT_RECLAIM).as(mask).isNotZero();
                    assertThat(table & (Gfp.IO | Gfp.FS) & ~gfp).as(mask).isZero();
                }
                assertThat((token == 0)).as(mask).isEqualTo(GfpScope.of(gfp) == 0);
            } finally {
                GfpScope.leave(token);
            }
            assertThat(Task.current().flags()).isZero();
        }
    }

    @Test
    @Row("H4")
    void insideTheSameScopeNothingIsAppliedAndNothingTakenAway() {
        int outer = Memalloc.nofsSave();
        int token = GfpScope.enter(Gfp.NOFS);
        assertThat(token).isZero();
        GfpScope.leave(token);
        assertThat(Task.current().flags()).isEqualTo(Task.NOFS);
        int io = GfpScope.enter(Gfp.NOIO);
        assertThat(Task.current().flags()).isEqualTo(Task.NOFS | Task.NOIO);
        GfpScope.leave(io);
        Memalloc.nofsRestore(outer);
        assertThat(Task.current().flags()).isZero();
    }
}
