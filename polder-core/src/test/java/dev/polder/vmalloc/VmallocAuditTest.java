package dev.polder.vmalloc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Canaries of `verify()`: each plants one thing that is wrong, which it must find.
class VmallocAuditTest {
    private final VmallocRig rig = new VmallocRig();
    private final Vmalloc vmalloc = rig.vmalloc;
    private final List<Long> held = rig.fragment();
    private final long area = vmalloc.alloc(6 * Frames.SIZE, Gfp.KERNEL);
    private final long other = vmalloc.alloc(9 * Frames.SIZE, Gfp.KERNEL);

    @AfterEach
    void whatWasMendedIsWholeAgain() {
        vmalloc.verify();
        vmalloc.free(area);
        vmalloc.verify();
        vmalloc.free(other);
        rig.free(held);
        rig.assertNothingLeaked();
        rig.close();
    }

    private void assertFound(String what) {
        assertThatThrownBy(vmalloc::verify).isInstanceOf(IllegalStateException.class)
                .hasMessageContaining(what);
    }

    /// Puts `entry` in the place of the one for `address`, and back again after the check.
    private void corrupt(long address, long entry, String found) {
        long at = vmalloc.table().entryAddress(address);
        long good = rig.read(at);
        rig.write(at, entry);
        try {
            assertFound(found);
        } finally {
            rig.write(at, good);
        }
    }

    private long entryFor(long frame) {
        return Frames.bytes(frame) | 3;
    }

    @Test
    void aSoundStateIsSound() {
        assertThatCode(vmalloc::verify).doesNotThrowAnyException();
        assertThat(vmalloc.frames()).isEqualTo(15 + vmalloc.pageTableFrames());
    }

    @Test
    void anEntryThatNamesAnotherFrame() {
        corrupt(area + Frames.SIZE, entryFor(held.getFirst()), "belongs to no area");
        corrupt(area + Frames.SIZE, entryFor(vmalloc.frameOf(other)), "only up to");
        corrupt(area + Frames.SIZE, entryFor(vmalloc.frameOf(area)), "twice");
        corrupt(area + Frames.SIZE, entryFor(rig.memory.frames()), "cannot be");
        corrupt(area + Frames.SIZE, entryFor(vmalloc.frameOf(area)) + 4, "cannot be");
    }

    @Test
    void anEntryThatIsMissing() {
        corrupt(area, 0, "first frame is not mapped");
        corrupt(area + 2 * Frames.SIZE, 0, "behind a gap");
        corrupt(area + 5 * Frames.SIZE, 0, "mapped only up to");
    }

    @Test
    void anEntryInAGuard() {
        long free = held.getFirst();
        corrupt(area + 6 * Frames.SIZE, entryFor(free), "belongs to no area");
    }

    @Test
    void twoEntriesExchanged() {
        long one = vmalloc.table().entryAddress(area + Frames.SIZE);
        long two = vmalloc.table().entryAddress(area + 2 * Frames.SIZE);
        long a = rig.read(one);
        long b = rig.read(two);
        rig.write(one, b);
        rig.write(two, a);
        assertFound("the process has");
        rig.write(one, a);
        rig.write(two, b);
    }

    @Test
    void aMappingThatIsNotThere() {
        long address = area + 3 * Frames.SIZE;
        long frame = vmalloc.frameOf(address);
        assertThat(rig.memory.cover(address, Frames.SIZE)).isTrue();
        assertFound("the process has");
        assertThat(rig.memory.map(address, held.getFirst(), 1)).isTrue();
        assertFound("the process has");
        assertThat(rig.memory.map(address, frame, 1)).isTrue();
    }

    @Test
    void aMappingThatIsTooMuch() {
        long guard = other + 9 * Frames.SIZE;
        assertThat(rig.memory.map(guard + 40 * Frames.SIZE, held.getFirst(), 1)).isTrue();
        assertFound("bytes mapped");
        assertThat(rig.memory.cover(guard + 40 * Frames.SIZE, Frames.SIZE)).isTrue();
    }

    @Test
    void aFrameWhoseOwnerIsWrong() {
        long frame = vmalloc.frameOf(area + Frames.SIZE);
        Object owner = rig.pages.frames().owner(frame);
        rig.pages.frames().owner(frame, 1, null);
        assertFound("belongs to no area");
        rig.pages.frames().owner(frame, 1, owner);
        rig.pages.frames().owner(held.getFirst(), 1, owner);
        assertFound("page table does not map it");
        rig.pages.frames().owner(held.getFirst(), 1, null);
    }

    @Test
    void aNodeThatBelongsToSomebodyElse() {
        long node = rig.pages.pfnOf(vmalloc.table().entryAddress(area));
        Object owner = rig.pages.frames().owner(node);
        rig.pages.frames().owner(node, 1, null);
        assertFound("no node");
        rig.pages.frames().owner(node, 1, owner);
    }
}
