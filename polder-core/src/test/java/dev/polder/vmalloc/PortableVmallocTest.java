package dev.polder.vmalloc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.os.Clock;
import dev.polder.page.Role;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Where frames cannot be remapped an area is one run.
class PortableVmallocTest {
    private final VmallocRig rig = new VmallocRig(4096, 0, 10, Clock.system(), true);
    private final Vmalloc vmalloc = rig.vmalloc;

    @AfterEach
    void nothingLeaks() {
        rig.assertNothingLeaked();
        rig.close();
    }

    @Test
    void anAreaIsOneRunAndIsFreedAtOnce() {
        long a = vmalloc.alloc(5 * Frames.SIZE + 1, Gfp.KERNEL | Gfp.ZERO);
        assertThat(rig.taken()).singleElement()
                .satisfies(r -> assertThat(r.role()).isEqualTo(Role.VMALLOC_DATA));
        assertThat(rig.used()).isEqualTo(8);
        assertThat(vmalloc.liveBytes()).isEqualTo(8 * Frames.SIZE);
        assertThat(vmalloc.requestedSize(a)).isEqualTo(5 * Frames.SIZE + 1);
        assertThat(vmalloc.frameOf(a + Frames.SIZE)).isEqualTo(rig.pages.pfnOf(a) + 1);
        assertThat(vmalloc.inRange(a)).isTrue();
        rig.fill(a, 5 * Frames.SIZE, 4);
        rig.assertFilled(a, 5 * Frames.SIZE, 4);
        rig.verify();
        assertThatThrownBy(() -> vmalloc.free(a + Frames.SIZE))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("is inside");
        vmalloc.free(a);
        assertThatThrownBy(() -> vmalloc.free(a)).isInstanceOf(IllegalArgumentException.class);
        assertThat(rig.used()).isZero();
        assertThat(vmalloc.inRange(a)).isFalse();
    }

    @Test
    void longerThanTheLongestRunIsAShortage() {
        assertThat(vmalloc.alloc((4 << 20) + 1, Gfp.KERNEL)).isZero();
        assertThat(vmalloc.alloc((4 << 20) + 1, Gfp.KERNEL | Gfp.NOFAIL)).isZero();
        List<Long> held = rig.fragment();
        assertThat(vmalloc.alloc(2 * Frames.SIZE, Gfp.NOWAIT)).isZero();
        assertThat(vmalloc.alloc(Frames.SIZE, Gfp.NOWAIT)).isNotZero().satisfies(vmalloc::free);
        rig.free(held);
    }
}
