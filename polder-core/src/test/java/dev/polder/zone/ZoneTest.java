package dev.polder.zone;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.base.Frames;
import dev.polder.os.MappingBudget;
import dev.polder.os.PoolMemory;
import dev.polder.task.Task;
import dev.polder.testkit.Row;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

final class ZoneTest {
    private static final int FRAMES = 4096;
    private static final Watermarks MARKS = new Watermarks(100, 150, 200);

    private final PoolMemory memory =
            PoolMemory.open(FRAMES, 0, true, MappingBudget.of(16));
    private final Zone zone = new Zone(memory, MARKS, 4);

    @AfterEach
    void verifyAndClose() {
        zone.verify();
        memory.close();
    }

    private List<Long> takeAll(int order, long mark) {
        List<Long> runs = new ArrayList<>();
        for (long pfn = zone.take(order, mark); pfn != 0; pfn = zone.take(order, mark)) {
            runs.add(pfn);
        }
        return runs;
    }

    @Test
    void theNumberBehindTheLargestPoolsLastBlockFitsAnInt() {
        long frames = PoolMemory.MAX_FRAMES + CommitBlocks.FRAMES;
        assertThat((long) (int) frames).isEqualTo(frames);
    }

    @Test
    @Row("C2")
    void orderZeroPassesOnlyIfStrictlyMoreThanTheMarkIsFree() {
        List<Long> runs = takeAll(0, 150);
        assertThat(zone.free()).isEqualTo(150);
        assertThat(runs).hasSize(FRAMES - 1 - 150);
        assertThat(zone.watermarkOk(0, 150)).isFalse();
        assertThat(zone.watermarkOk(0, 149)).isTrue();
        runs.forEach(zone::give);
    }

    @Test
    @Row("C2")
    void aRunOfOrderNCountsTwoToTheNMinusOneAsUnusable() {
        List<Long> runs = takeAll(0, 163);
        assertThat(zone.free()).isEqualTo(163);
        // 163 - (2^3 - 1) = 156 > 155, not > 156.
        assertThat(zone.watermarkOk(3, 155)).isEqualTo(zone.freeBlocks()[3] > 0 || bigger(3));
        assertThat(zone.watermarkOk(3, 156)).isFalse();
        runs.forEach(zone::give);
    }

    private boolean bigger(int order) {
        long[] blocks = zone.freeBlocks();
        for (int k = order; k < blocks.length; k++) {
            if (blocks[k] > 0) {
                return true;
            }
        }
        return false;
    }

    @Test
    @Row("C8")
    void anOrderThatNoBlockHoldsIsRefused() {
        List<Long> all = takeAll(0, -1);
        assertThat(zone.free()).isZero();
        List<Long> kept = new ArrayList<>();
        for (long pfn : all) {
            if (pfn % 2 == 0) {
                zone.give(pfn);
            } else {
                kept.add(pfn);
            }
        }
        zone.drain();
        assertThat(zone.watermarkOk(0, 0)).isTrue();
        assertThat(zone.watermarkOk(1, 0)).isFalse();
        assertThat(zone.take(1, -1)).isZero();
        kept.forEach(zone::give);
    }

    @Test
    void listedRunsAreNotFreeUntilTheyAreDrained() {
        long pfn = zone.take(0, 0);
        long free = zone.free();
        zone.give(pfn);
        assertThat(zone.free()).isEqualTo(free);
        assertThat(zone.listed()).isEqualTo(1);
        assertThat(zone.drain()).isEqualTo(1);
        assertThat(zone.free()).isEqualTo(free + 1);
    }

    @Test
    @Row("B9")
    void aThreadInReclaimPassesByTheListsAndIsCredited() {
        long pfn = zone.take(2, 0);
        Task task = Task.current();
        int token = task.enterReclaim();
        try {
            long before = task.reclaimed();
            zone.give(pfn);
            assertThat(task.reclaimed() - before).isEqualTo(4);
            assertThat(zone.listed()).isZero();
        } finally {
            task.leaveReclaim(token);
        }
    }

    @Test
    void aWrongFreeSaysWhatTheFrameIs() {
        long pfn = zone.take(3, 0);
        assertThatThrownBy(() -> zone.give(pfn + 1)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("not the first frame of a run");
        assertThatThrownBy(() -> zone.give(0)).hasMessageContaining("page of zeros");
        assertThatThrownBy(() -> zone.give(FRAMES)).hasMessageContaining("no frame of this pool");
        zone.give(pfn);
        assertThatThrownBy(() -> zone.give(pfn)).hasMessageContaining("free");
    }

    @Test
    void commitsBlockByBlock() {
        assertThat(zone.uncommittedBytes()).isEqualTo(3L * (Frames.SIZE << Frames.MAX_ORDER));
        long block = zone.take(Frames.MAX_ORDER, -1);
        assertThat(zone.uncommittedBytes()).isEqualTo(2L * (Frames.SIZE << Frames.MAX_ORDER));
        zone.give(block);
    }

    /// Canary: a block that claims to be larger than it is must be found.
    @Test
    void verifyFindsAWrongOrder() {
        long pfn = zone.take(0, 0);
        zone.frames().mark((int) pfn, FrameTable.USED, 1);
        assertThatThrownBy(zone::verify).isInstanceOf(IllegalStateException.class);
        zone.frames().mark((int) pfn, FrameTable.USED, 0);
        zone.give(pfn);
    }
}
