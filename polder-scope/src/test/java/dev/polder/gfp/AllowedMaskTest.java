package dev.polder.gfp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.testkit.Row;
import org.junit.jupiter.api.Test;

@Row("A13")
class AllowedMaskTest {
    @Test
    void atFirstEverythingIsAllowed() {
        GfpConformanceTest.forEveryMask(mask ->
                assertThat(AllowedMask.apply(mask)).isEqualTo(mask));
        assertThat(AllowedMask.storageSuspended()).isFalse();
    }

    @Test
    void suspendTakesIoAndFsFromEverybody() throws Exception {
        int forbidden = AllowedMask.forbid(Gfp.IO | Gfp.FS);
        try {
            assertThat(AllowedMask.apply(Gfp.KERNEL)).isEqualTo(Gfp.NOIO);
            assertThat(Threads.on(() -> AllowedMask.apply(Gfp.KERNEL | Gfp.NOFAIL)))
                    .isEqualTo(Gfp.NOIO | Gfp.NOFAIL);
            assertThat(AllowedMask.storageSuspended()).isTrue();
        } finally {
            AllowedMask.restore(forbidden);
        }
        assertThat(AllowedMask.get()).isEqualTo(Gfp.ALL);
    }

    @Test
    void nestedRestrictionsEndWithTheirOwn() {
        int outer = AllowedMask.forbid(Gfp.FS);
        int inner = AllowedMask.forbid(Gfp.IO | Gfp.FS);
        assertThat(inner).as("newly forbidden").isEqualTo(Gfp.IO);
        AllowedMask.restore(inner);
        assertThat(AllowedMask.apply(Gfp.KERNEL)).isEqualTo(Gfp.NOFS);
        AllowedMask.restore(outer);
        assertThat(AllowedMask.apply(Gfp.KERNEL)).isEqualTo(Gfp.KERNEL);
    }

    @Test
    void earlyOnEvenReclaimCanBeForbidden() {
        int boot = AllowedMask.forbid(AllowedMask.FORBIDDABLE);
        assertThat(Gfp.allowsBlocking(AllowedMask.apply(Gfp.KERNEL | Gfp.ZERO))).isFalse();
        assertThat(AllowedMask.apply(Gfp.KERNEL | Gfp.ZERO)).isEqualTo(Gfp.ZERO);
        AllowedMask.restore(boot);
    }

    @Test
    void onlyAbilitiesCanBeForbidden() {
        assertThatThrownBy(() -> AllowedMask.forbid(Gfp.NOFAIL))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("__GFP_NOFAIL");
        AllowedMask.restore(-1);
        assertThat(AllowedMask.get()).isEqualTo(Gfp.ALL);
    }
}
