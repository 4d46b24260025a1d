package dev.polder.stat;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.stat.VmStat.Item;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

/// Counters lose nothing and keep apart.
final class VmStatTest {

    private final VmStat stat = new VmStat();

    @Test
    void startsAtZeroAndCountsWhatIsAdded() {
        assertThat(stat.snapshot()).containsOnly(0L);
        stat.add(Item.PGALLOC, 5);
        stat.add(Item.PGALLOC);
        stat.add(Item.PGALLOC, -2);
        assertThat(stat.get(Item.PGALLOC)).isEqualTo(4);
    }

    @Test
    void everyItemHasACellOfItsOwn() {
        for (Item item : Item.values()) {
            stat.add(item, 1L << (item.ordinal() % 40));
        }
        long[] sums = stat.snapshot();
        for (Item item : Item.values()) {
            long expected = 1L << (item.ordinal() % 40);
            assertThat(sums[item.ordinal()]).as(item.label()).isEqualTo(expected);
            assertThat(stat.get(item)).as(item.label()).isEqualTo(expected);
        }
    }

    @Test
    void namesAreVmstatsAndNoneTwice() {
        Set<String> names = new HashSet<>();
        for (Item item : Item.values()) {
            assertThat(item.label()).matches("[a-z_]+");
            assertThat(names.add(item.label())).isTrue();
        }
        assertThat(names).contains("pgalloc", "pgfree", "allocstall", "pgscan_direct",
                "pgscan_kswapd", "pgsteal_direct", "pgsteal_kswapd", "slabs_scanned");
    }

    @Test
    void threadsThatShareStripesLoseNothing() throws InterruptedException {
        int threads = 8;
        int each = 20_000;
        CountDownLatch go = new CountDownLatch(1);
        List<Thread> all = new ArrayList<>();
        for (int i = 0; i < threads; i++) {
            Runnable body = () -> {
                await(go);
                for (int n = 0; n < each; n++) {
                    stat.add(Item.PGFREE);
                }
            };
            all.add(i % 2 == 0 ? Thread.ofVirtual().start(body) : Thread.ofPlatform().start(body));
        }
        go.countDown();
        for (Thread t : all) {
            t.join();
        }
        assertThat(stat.get(Item.PGFREE)).isEqualTo((long) threads * each);
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
