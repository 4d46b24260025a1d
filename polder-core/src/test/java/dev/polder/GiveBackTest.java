package dev.polder;

import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.gfp.Gfp;
import dev.polder.os.VirtualClock;
import dev.polder.stat.VmStat.Item;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// What a load leaves behind goes back to the system, by the system's own figures, and comes again.
@Tag("remapping")
@Timeout(60)
final class GiveBackTest {
    private static final long MIB = 1 << 20;
    private static final long BLOCK = 4 * MIB;
    private static final long KEEP = 16 * MIB;
    private static final long SECOND = 1_000_000_000L;

    private final VirtualClock clock = new VirtualClock();
    private final List<MemorySegment> held = new ArrayList<>();

    private Polder open(long keep) {
        return Polder.open(PolderConfig.builder().name("tide").budget(128 * MIB).clock(clock)
                .keepFree(keep).build());
    }

    private final Polder pool = open(KEEP);

    @AfterEach
    void close() {
        pool.verify();
        pool.close();
    }

    private void load(Polder p, int blocks) {
        for (int i = 0; i < blocks; i++) {
            MemorySegment s = p.allocate(BLOCK, Gfp.KERNEL);
            s.fill((byte) i);
            held.add(s);
        }
    }

    private void unload(Polder p) {
        held.forEach(p::free);
        held.clear();
    }

    /// Lets seconds pass, in each of which the pools' kswapds do what is due.
    private void pass(int seconds, int pools) {
        for (int i = 0; i < seconds; i++) {
            clock.awaitParked(pools);
            clock.advance(SECOND);
        }
        clock.awaitParked(pools);
    }

    /// Shared memory of this process, a page mapped twice counted once.
    private static long sharedBytes() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/self/smaps_rollup"))) {
            if (line.startsWith("Pss_Shmem:")) {
                return Long.parseLong(line.replaceAll("\\D", "")) << 10;
            }
        }
        throw new IOException("no Pss_Shmem in smaps_rollup");
    }

    @Test
    void residentMemoryFallsAfterALoadAndRisesWithTheNext() throws IOException {
        load(pool, 24);
        long loaded = sharedBytes();
        assertThat(pool.memInfo().resident()).isBetween(24 * BLOCK, 128 * MIB);
        unload(pool);
        pass(20, 1);
        MemInfo info = pool.memInfo();
        assertThat(info.resident()).isBetween(KEEP, KEEP + 2 * BLOCK);
        assertThat(info.committed()).isBetween(info.resident() - BLOCK, info.resident());
        assertThat(loaded - sharedBytes()).as("by Pss")
                .isGreaterThan(24 * BLOCK - KEEP - 2 * BLOCK);
        assertThat(pool.parts().stat().get(Item.GIVE_BACK_REFUSED)).isZero();
        pool.verify();
        load(pool, 24);
        for (int i = 0; i < held.size(); i++) {
            assertThat(held.get(i).get(JAVA_LONG_UNALIGNED, BLOCK - 8))
                    .isEqualTo(0x0101010101010101L * i);
        }
        assertThat(pool.memInfo().resident()).isBetween(24 * BLOCK, 128 * MIB);
        unload(pool);
    }

    @Test
    void aPoolThatKeepsItsBudgetKeepsAll() {
        try (Polder keeper = open(128 * MIB)) {
            load(keeper, 20);
            unload(keeper);
            pass(20, 2);
            assertThat(keeper.memInfo().resident()).isGreaterThanOrEqualTo(20 * BLOCK);
        }
    }

    @Test
    void aStockIsReadyBeforeTheFirstLargeRequest() {
        pool.free(pool.allocate(1, Gfp.KERNEL));
        clock.awaitParked(1);
        assertThat(pool.parts().stat().get(Item.COMMIT_AHEAD)).isPositive();
        load(pool, 1);
        assertThat(pool.parts().stat().get(Item.COMMIT_DIRECT)).isZero();
        unload(pool);
    }
}
