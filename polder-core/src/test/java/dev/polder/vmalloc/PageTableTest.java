package dev.polder.vmalloc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.page.Role;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// A table of its own over the rig's frames, for a space of 4 TiB that nobody maps.
class PageTableTest {
    private static final long START = 1L << 40;
    private static final long END = START + (4L << 40);
    private static final long LEAF_BYTES = 512 * Frames.SIZE;

    private final VmallocRig rig = new VmallocRig();
    private final PageTable table = new PageTable(rig.pages, START, END);

    @AfterEach
    void close() {
        rig.close();
    }

    @Test
    void whatWasEnteredIsFoundAndNothingElse() {
        long at = START + 7 * Frames.SIZE;
        assertThat(table.frameAt(at)).isZero();
        assertThat(table.enter(at, 40, 3)).isEqualTo(3);
        assertThat(table.frameAt(at)).isEqualTo(40);
        assertThat(table.frameAt(at + 2 * Frames.SIZE + 4095)).isEqualTo(42);
        assertThat(table.frameAt(at - 1)).isZero();
        assertThat(table.frameAt(at + 3 * Frames.SIZE)).isZero();
        assertThat(table.frameAt(START - 1)).isZero();
        assertThat(table.frameAt(END)).isZero();
        assertThat(table.frameAt(-1)).isZero();
        assertThat(table.frameAt(0)).isZero();
    }

    @Test
    void nodesComeOneByOneAndGoWhenTheyAreEmpty() {
        assertThat(table.nodes()).isZero();
        long edge = START + LEAF_BYTES;
        assertThat(table.enter(edge - Frames.SIZE, 10, 2)).isEqualTo(2);
        assertThat(table.nodes()).as("four levels, two leaves").isEqualTo(5);
        assertThat(table.enter(END - Frames.SIZE, 12, 1)).isEqualTo(1);
        assertThat(table.nodes()).isEqualTo(8);
        assertThat(rig.used()).isEqualTo(8);
        table.clear(edge - Frames.SIZE, 1);
        assertThat(table.nodes()).isEqualTo(7);
        assertThat(table.frameAt(edge)).isEqualTo(11);
        table.clear(edge, 1);
        assertThat(table.nodes()).isEqualTo(4);
        table.clear(END - Frames.SIZE, 1);
        assertThat(table.nodes()).isZero();
        assertThat(rig.used()).isZero();
    }

    @Test
    void aSmallSpaceHasFewLevels() {
        PageTable one = new PageTable(rig.pages, START, START + LEAF_BYTES);
        assertThat(one.enter(START, 5, 1)).isEqualTo(1);
        assertThat(one.nodes()).isEqualTo(1);
        PageTable two = new PageTable(rig.pages, START, START + LEAF_BYTES + Frames.SIZE);
        assertThat(two.enter(START + LEAF_BYTES, 5, 1)).isEqualTo(1);
        assertThat(two.nodes()).isEqualTo(2);
    }

    @Test
    void everyNodeIsAskedForWithGfpKernelAndZeroed() {
        rig.taken();
        assertThat(table.enter(START, 10, 1)).isEqualTo(1);
        assertThat(rig.taken()).hasSize(4).allSatisfy(r -> {
            assertThat(r.role()).isEqualTo(Role.PGTABLE);
            assertThat(r.order()).isZero();
            assertThat(r.entry()).isEqualTo(Gfp.KERNEL | Gfp.ZERO);
        });
    }

    /// Fails the first, second, … node: what was recorded can be gone on with, or taken back.
    @Test
    void aRefusedNodeLeavesWhatIsBeforeAndNoTraceAfterClear() {
        long at = START + LEAF_BYTES - 2 * Frames.SIZE;
        for (int failing = 0; failing < 5; failing++) {
            int[] left = {failing};
            rig.pages.faultInjector((_, _, _) -> left[0]-- == 0);
            long done = table.enter(at, 100, 4);
            assertThat(done).isEqualTo(failing < 4 ? 0 : 2);
            assertThat(table.nodes()).isEqualTo(failing);
            if (failing % 2 == 0) {
                table.clear(at, done + 1);
            } else {
                assertThat(table.enter(at + Frames.bytes(done), 100 + done, 4 - done))
                        .isEqualTo(4 - done);
                assertThat(entries()).containsExactly(at + " 100", at + 4096 + " 101",
                        at + 8192 + " 102", at + 12288 + " 103");
                table.clear(at, 4);
            }
            assertThat(table.nodes()).isZero();
            assertThat(rig.used()).isZero();
        }
    }

    @Test
    void anAddressIsNotMappedTwice() {
        assertThat(table.enter(START, 10, 2)).isEqualTo(2);
        assertThatThrownBy(() -> table.enter(START + Frames.SIZE, 20, 1))
                .isInstanceOf(IllegalStateException.class).hasMessageContaining("twice");
    }

    @Test
    void threadsThatNeedTheSameNodesShareThem() throws InterruptedException {
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            long mine = START + i * 64L * Frames.SIZE;
            long frame = 100 + i * 64L;
            threads.add(Thread.ofPlatform().start(() -> {
                for (int round = 0; round < 300; round++) {
                    if (table.enter(mine, frame, 64) != 64 || table.frameAt(mine) != frame) {
                        throw new AssertionError();
                    }
                    table.clear(mine, 64);
                }
                if (table.enter(mine, frame, 64) != 64) {
                    throw new AssertionError();
                }
            }));
        }
        for (Thread t : threads) {
            t.join();
        }
        assertThat(entries()).hasSize(256);
        assertThat(table.nodes()).isEqualTo(4);
        assertThat(rig.used()).isEqualTo(4);
        table.clear(START, 256);
        assertThat(rig.used()).isZero();
    }

    @Test
    void aCorruptedEntryFailsTheWalk() {
        assertThat(table.enter(START, 10, 2)).isEqualTo(2);
        long entry = table.entryAddress(START);
        long good = rig.read(entry);
        long[] corruptions = {good & ~1L, good | 4, good & ~2L, 3, rig.memory.frames() << 12 | 3};
        for (long bad : corruptions) {
            rig.write(entry, bad);
            assertThatThrownBy(this::entries).as(Long.toHexString(bad))
                    .isInstanceOf(IllegalStateException.class);
        }
        rig.write(entry, good);
        assertThat(entries()).hasSize(2);
    }

    private List<String> entries() {
        List<String> found = new ArrayList<>();
        table.walk((address, frame) -> found.add(address + " " + frame));
        return found;
    }
}
