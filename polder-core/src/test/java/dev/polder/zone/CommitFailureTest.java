package dev.polder.zone;

import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.base.Check;
import dev.polder.base.Frames;
import dev.polder.os.MappingBudget;
import dev.polder.os.PoolMemory;
import dev.polder.os.RefusingCalls;
import dev.polder.stat.VmStat;
import dev.polder.stat.VmStat.Item;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.jspecify.annotations.Nullable;

/// Blocks on real memory that go back while others are taken, and while the system refuses.
@Tag("remapping")
@Timeout(60)
final class CommitFailureTest {
    private static final int BLOCK = CommitBlocks.FRAMES;
    private static final int BLOCKS = 8;
    /// Of a race: far more than it takes to find what is planted.
    private static final int ROUNDS = 20_000;
    private static final long SECOND = CommitBalance.PERIOD_NANOS;
    private static final Watermarks MARKS = new Watermarks(0, 0, 0);

    private final RefusingCalls calls = new RefusingCalls();
    private final PoolMemory memory = calls.open((long) BLOCKS * BLOCK, 0, MappingBudget.of(16));
    private final VmStat stat = new VmStat();
    private final Zone zone = new Zone(memory, MARKS, 1, new CommitMarks(0, 0), stat);
    private volatile boolean enough;
    private long now;

    @AfterEach
    void verifyAndClose() {
        zone.verify();
        assertThat(zone.free() + zone.listed()).isEqualTo(zone.managed());
        memory.close();
    }

    private List<Long> takeAll() {
        List<Long> runs = new ArrayList<>();
        long run = zone.take(Frames.MAX_ORDER, -1);
        while (run != 0) {
            runs.add(run);
            run = zone.take(Frames.MAX_ORDER, -1);
        }
        return runs;
    }

    private void pass(int seconds) {
        for (int i = 0; i < seconds; i++) {
            now += SECOND;
            zone.tend(now);
        }
    }

    private void write(long run, long value) {
        memory.segment().set(JAVA_LONG_UNALIGNED, Frames.bytes(run), value);
        memory.segment().set(JAVA_LONG_UNALIGNED, Frames.bytes(run + BLOCK) - 8, value);
    }

    private boolean holds(long run, long value) {
        return memory.segment().get(JAVA_LONG_UNALIGNED, Frames.bytes(run)) == value
                && memory.segment().get(JAVA_LONG_UNALIGNED, Frames.bytes(run + BLOCK) - 8)
                        == value;
    }

    @Test
    void aRefusedGiveBackLeavesTheBlocksInUse() {
        takeAll().forEach(zone::give);
        zone.tend(now);
        calls.refuse("process_madvise");
        calls.refuse("fallocate");
        pass(9);
        assertThat(stat.get(Item.GIVE_BACK_REFUSED)).as("once in a window").isEqualTo(1);
        assertThat(stat.get(Item.GIVE_BACK)).isZero();
        assertThat(memory.residentBytes()).isEqualTo(Frames.bytes(BLOCKS * BLOCK));
        assertThat(zone.uncommittedBytes()).isZero();
        zone.verify();
        List<Long> all = takeAll();
        assertThat(all).hasSize(BLOCKS - 1);
        all.forEach(r -> write(r, r));
        assertThat(all).allMatch(r -> holds(r, r));
        all.forEach(zone::give);
        calls.allow("process_madvise");
        calls.allow("fallocate");
        pass(11);
        assertThat(stat.get(Item.GIVE_BACK)).isEqualTo(BLOCKS - 1);
        assertThat(memory.residentBytes()).isEqualTo(Frames.bytes(BLOCK));
    }

    @Test
    void blocksThatWereTakenMeanwhileAreNoRefusal() {
        takeAll().forEach(zone::give);
        zone.tend(now);
        List<Long> taken = new ArrayList<>();
        calls.before("process_madvise", () -> {
            for (int i = 0; i < 3 && taken.size() < 3; i++) {
                taken.add(zone.take(Frames.MAX_ORDER, -1));
            }
        });
        pass(9);
        assertThat(taken).hasSize(3).doesNotContain(0L);
        assertThat(stat.get(Item.GIVE_BACK)).isEqualTo(4);
        assertThat(stat.get(Item.GIVE_BACK_REFUSED)).isZero();
        taken.forEach(zone::give);
    }

    /// Half of a slice has gone, and what has gone cannot be had again: those blocks are asked for
    /// when they are needed, and are never handed out before.
    @Test
    void whatHasHalfGoneIsCommittedAnewBeforeItIsUsed() {
        takeAll().forEach(zone::give);
        zone.tend(now);
        calls.refuse("process_madvise");
        int holes = calls.made("fallocate");
        calls.before("fallocate", () -> {
            if (calls.made("fallocate") - holes > 3) {
                calls.refuse("fallocate");
                calls.refuse("madvise");
            }
        });
        pass(9);
        assertThat(stat.get(Item.GIVE_BACK_REFUSED)).isEqualTo(1);
        assertThat(zone.uncommittedBytes()).as("a slice of four").isEqualTo(
                Frames.bytes(4 * BLOCK));
        zone.verify();
        assertThat(takeAll()).as("no block without memory").hasSize(3).allMatch(r -> {
            zone.give(r);
            return true;
        });
        calls.allow("madvise");
        List<Long> all = takeAll();
        assertThat(all).hasSize(BLOCKS - 1);
        assertThat(memory.residentBytes()).isEqualTo(Frames.bytes(BLOCKS * BLOCK));
        all.forEach(zone::give);
    }

    /// A thread takes blocks and gives them back, and finds in each what it wrote.
    private final class User implements Runnable {
        private final AtomicReference<@Nullable Throwable> trouble;
        private final SplittableRandom random;

        User(AtomicReference<@Nullable Throwable> trouble, long seed) {
            this.trouble = trouble;
            this.random = new SplittableRandom(seed);
        }

        @Override
        public void run() {
            List<Long> held = new ArrayList<>();
            try {
                while (!enough && trouble.get() == null) {
                    if (held.size() < 3 && random.nextBoolean()) {
                        long run = zone.take(Frames.MAX_ORDER, -1);
                        Check.that(run != 0, "there are blocks for all, given back or not");
                        write(run, ~run);
                        held.add(run);
                    } else if (!held.isEmpty()) {
                        give(held.removeLast());
                    }
                }
                held.forEach(this::give);
            } catch (Throwable t) {
                trouble.compareAndSet(null, t);
            }
        }

        private void give(long run) {
            Check.that(holds(run, ~run), "a block in use lost what was in it");
            zone.give(run);
        }
    }

    /// Has two users at work until `done`, or until one meets trouble.
    private @Nullable Throwable race(Runnable meanwhile, BooleanSupplier done)
            throws InterruptedException {
        AtomicReference<@Nullable Throwable> trouble = new AtomicReference<>();
        List<Thread> users = List.of(Thread.ofPlatform().unstarted(new User(trouble, 1)),
                Thread.ofPlatform().unstarted(new User(trouble, 2)));
        users.forEach(Thread::start);
        for (int i = 0; i < ROUNDS && trouble.get() == null && !done.getAsBoolean(); i++) {
            meanwhile.run();
        }
        enough = true;
        for (Thread user : users) {
            user.join();
        }
        return trouble.get();
    }

    @Test
    void blocksGoBackWhileOthersAreTaken() throws InterruptedException {
        assertThat(race(() -> pass(6), () -> stat.get(Item.GIVE_BACK) > 50)).isNull();
        assertThat(stat.get(Item.GIVE_BACK)).isPositive();
        pass(12);
        assertThat(memory.residentBytes()).as("nobody touched what had gone")
                .isEqualTo(Frames.bytes(BLOCK));
    }

    /// The canary: what takes memory from under a block in use is found.
    @Test
    void aBlockThatGoesBackWhileInUseIsFound() throws InterruptedException {
        assertThat(race(() -> memory.giveBack(BLOCK, (BLOCKS - 1L) * BLOCK), () -> false))
                .hasMessageContaining("lost what was in it");
        List<Long> lost = new ArrayList<>();
        for (long r = BLOCK; r < (long) BLOCKS * BLOCK; r += BLOCK) {
            if (zone.frames().isHead(r)) {
                lost.add(r);
            }
        }
        lost.forEach(zone::give);
    }

    @Test
    void aPoolWhoseFirstBlockIsRefusedDoesNotOpen() {
        calls.refuse("madvise");
        assertThatThrownBy(() -> new Zone(memory, MARKS, 1))
                .isInstanceOf(IllegalStateException.class).hasMessageContaining("refused");
    }
}
