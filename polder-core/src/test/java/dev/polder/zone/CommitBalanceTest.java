package dev.polder.zone;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.base.Frames;
import dev.polder.os.MappingBudget;
import dev.polder.os.PoolMemory;
import dev.polder.os.SimulatedKernel;
import dev.polder.stat.VmStat;
import dev.polder.stat.VmStat.Item;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Memory asked of the system ahead of need, and given back when nobody needs it, on a simulated
/// system and on a time that the test turns.
final class CommitBalanceTest {
    private static final int BLOCK = CommitBlocks.FRAMES;
    private static final int BLOCKS = 64;
    private static final int KEPT = 8;
    private static final long SECOND = CommitBalance.PERIOD_NANOS;
    private static final long WINDOW = CommitBalance.WINDOW_NANOS;
    private static final Watermarks MARKS = new Watermarks(0, 0, 0);

    private final VmStat stat = new VmStat();
    private final AtomicInteger told = new AtomicInteger();
    private final List<Long> held = new ArrayList<>();
    private PoolMemory memory = simulated(BLOCKS);
    private Zone zone = zone(0, KEPT);
    private long now;

    /// Memory of all the pool's blocks on a machine that has only `backed` of them.
    private static PoolMemory simulated(int backed) {
        return new SimulatedKernel(1_000, (long) backed * BLOCK)
                .open((long) BLOCKS * BLOCK, 0, MappingBudget.of(16));
    }

    /// A zone that has `ahead` blocks ready and keeps `keep`.
    private Zone zone(int ahead, int keep) {
        Zone z = new Zone(memory, MARKS, 1,
                new CommitMarks((long) ahead * BLOCK, (long) keep * BLOCK), stat);
        z.tender(told::incrementAndGet);
        return z;
    }

    private void reopen(int backed, int ahead, int keep) {
        memory.close();
        memory = simulated(backed);
        zone = zone(ahead, keep);
    }

    @AfterEach
    void verifyAndClose() {
        zone.verify();
        held.forEach(zone::give);
        zone.verify();
        memory.close();
    }

    private void take(int blocks) {
        for (int i = 0; i < blocks; i++) {
            long run = zone.take(Frames.MAX_ORDER, -1);
            assertThat(run).isNotZero();
            held.add(run);
        }
    }

    private void giveAll() {
        held.forEach(zone::give);
        held.clear();
    }

    /// Lets seconds pass, tending in each.
    private void pass(long seconds) {
        for (long i = 0; i < seconds; i++) {
            now += SECOND;
            zone.tend(now);
        }
    }

    private long resident() {
        return memory.residentBytes() / Frames.bytes(BLOCK);
    }

    @Test
    void idleBlocksGoBackAfterTwoWindowsAndSixteenASecond() {
        take(50);
        zone.tend(now);
        giveAll();
        pass(WINDOW / SECOND);
        assertThat(stat.get(Item.GIVE_BACK)).as("in use when the window began").isZero();
        pass(WINDOW / SECOND - 1);
        assertThat(stat.get(Item.GIVE_BACK)).as("idle for less than a window").isZero();
        assertThat(resident()).isEqualTo(51);
        pass(1);
        assertThat(stat.get(Item.GIVE_BACK)).isEqualTo(CommitBalance.BLOCKS_A_PERIOD);
        zone.tend(now + SECOND / 2);
        assertThat(stat.get(Item.GIVE_BACK)).as("not within the second")
                .isEqualTo(CommitBalance.BLOCKS_A_PERIOD);
        assertThat(resident()).isEqualTo(51 - 16);
        pass(1);
        assertThat(resident()).isEqualTo(51 - 32);
        pass(1);
        // The first block is not whole for want of frame 0, but counts towards what is kept.
        assertThat(resident()).as("%s blocks are kept", KEPT).isEqualTo(KEPT + 1);
        pass(100);
        assertThat(resident()).isEqualTo(KEPT + 1);
        assertThat(zone.free()).as("given back is free all the same").isEqualTo(zone.managed());
        take(60);
        assertThat(resident()).as("and taken again where needed").isEqualTo(61);
    }

    @Test
    void aLoadThatGoesUpAndDownKeepsWhatItNeeds() {
        take(40);
        for (int i = 0; i < 30; i++) {
            giveAll();
            pass(i % 4);
            take(40);
            pass(2);
        }
        assertThat(stat.get(Item.GIVE_BACK)).isZero();
        assertThat(stat.get(Item.COMMIT_DIRECT)).as("never twice").isEqualTo(40);
        giveAll();
        take(20);
        pass(60);
        assertThat(stat.get(Item.GIVE_BACK)).as("the half that is no longer used, less the kept")
                .isEqualTo(40 - 20 - KEPT);
    }

    @Test
    void itAsksToBeCalledOnlyWhileThereIsMoreThanIsKept() {
        take(KEPT - 1);
        assertThat(zone.tend(now)).as("8 blocks behind it, and 8 may stay").isZero();
        told.set(0);
        take(1);
        assertThat(told).as("a request that commits a block tells").hasValue(1);
        assertThat(zone.tend(now)).isEqualTo(SECOND);
        giveAll();
        pass(20);
        assertThat(resident()).isEqualTo(KEPT + 1);
    }

    @Test
    void aStockIsReadyBeforeItIsNeeded() {
        reopen(BLOCKS, 4, KEPT);
        long one = zone.take(0, -1);
        held.add(one);
        assertThat(told).as("below the mark").hasValue(1);
        held.add(zone.take(0, -1));
        assertThat(told).as("told once").hasValue(1);
        zone.tend(now);
        assertThat(resident()).isEqualTo(5);
        assertThat(stat.get(Item.COMMIT_AHEAD)).isEqualTo(4);
        take(4);
        assertThat(stat.get(Item.COMMIT_DIRECT)).as("requests do not pay").isZero();
        assertThat(told).hasValue(2);
        zone.tend(now);
        assertThat(resident()).isEqualTo(9);
    }

    @Test
    void whatTheSystemRefusesIsTriedAgainASecondLaterAndIsAShortageToARequest() {
        reopen(3, 4, KEPT);
        take(1);
        assertThat(zone.tend(now)).isEqualTo(SECOND);
        assertThat(resident()).isEqualTo(3);
        assertThat(stat.get(Item.COMMIT_REFUSED)).isEqualTo(1);
        take(1);
        assertThat(zone.take(Frames.MAX_ORDER, -1)).isZero();
        assertThat(stat.get(Item.COMMIT_REFUSED)).isEqualTo(2);
        zone.verify();
        assertThat(told).as("nobody is woken for what the system has not").hasValueLessThan(4);
    }

    @Test
    void aPoolThatIsAllBackedTellsNobody() {
        reopen(BLOCKS, 4, BLOCKS);
        take(BLOCKS - 1);
        zone.tend(now);
        told.set(0);
        zone.give(held.removeLast());
        take(1);
        zone.give(held.removeLast());
        take(1);
        assertThat(told).hasValue(0);
        assertThat(zone.tend(now)).as("and keeps all").isZero();
    }

    @Test
    void marksFollowThePoolsSize() {
        long mib = (1 << 20) / Frames.SIZE;
        assertThat(CommitMarks.of(64 * mib)).isEqualTo(new CommitMarks(0, 64 * mib));
        assertThat(CommitMarks.of(256 * mib)).isEqualTo(new CommitMarks(8 * mib, 64 * mib));
        assertThat(CommitMarks.of(1024 * mib)).isEqualTo(new CommitMarks(32 * mib, 128 * mib));
        assertThat(CommitMarks.of(65536 * mib)).isEqualTo(new CommitMarks(64 * mib, 8192 * mib));
        assertThat(CommitMarks.ofKeep(1024 * mib, 6 * mib))
                .isEqualTo(new CommitMarks(4 * mib, 6 * mib));
        assertThatThrownBy(() -> new CommitMarks(2, 1)).hasMessageContaining("ahead=2 keep=1");
    }

    /// Canary: a block that went back and is marked as free all the same must be found.
    @Test
    void verifyFindsABlockThatOnlySeemsToBeFree() {
        take(20);
        zone.tend(now);
        giveAll();
        pass(30);
        int last = (BLOCKS - 1) * BLOCK;
        assertThat(zone.frames().kind(last)).isEqualTo(FrameTable.UNCOMMITTED);
        zone.frames().mark(last, FrameTable.FREE, Frames.MAX_ORDER);
        assertThatThrownBy(zone::verify).isInstanceOf(IllegalStateException.class);
        zone.frames().mark(last, FrameTable.UNCOMMITTED, 0);
    }
}
