package dev.polder.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Threads that reclaim while they hold what reclaim needs: with a scope, a mask or a domain they
/// never wait for themselves or each other; without, they do, through ordinary eviction.
class DeadlockTest {
    private static final int DEADLOCK = 3;

    @TempDir Path dir;

    @ParameterizedTest
    @EnumSource(value = ReclaimPolicy.class, names = {"SCOPE", "DOMAIN"})
    void twoWritersUnderForcedReclaimTenThousandTransactions(ReclaimPolicy policy)
            throws InterruptedException {
        StoreConfig.Builder config = StoreConfig.builder().journalBytes(8 << 20)
                .transactionPages(128).dirtyPages(256).commitIntervalMillis(2)
                .durability(Durability.GROUP).policy(policy);
        try (TwoStores two = new TwoStores(dir, 16 << 20, config)) {
            two.forceReclaim(40);
            boolean done = two.run(10_000, 256 << 10);
            assertThat(done).as(() -> WaitGraph.capture().describe()).isTrue();
            for (Store s : List.of(two.a, two.b)) {
                assertThat(s.stats().scanStops()).as("scans that were refused").isPositive();
                assertThat(s.stats().evictions()).isPositive();
                assertThat(s.stats().reentries()).isZero();
                s.verify();
            }
        }
    }

    /// The canary of the test above: shrinkers that wait although they may not hang it.
    @Test
    void shrinkersThatWaitAlthoughTheyMayNotDeadlock() throws Exception {
        List<String> said = child("DOMAIN", "true", "true", "10000", "16", "256", "40");
        assertThat(said).contains("DEADLOCK");
        assertThat(said).anyMatch(l -> l.startsWith("The chain closes:"));
    }

    /// No reclaim is forced here: the pool is small, and eviction does what it always does.
    @Test
    void anUnguardedWriterWaitsForItself() throws Exception {
        List<String> said = child("UNGUARDED", "true", "false", "100000", "16", "4096", "0");
        assertThat(said).contains("DEADLOCK");
        assertThat(said)
                .anyMatch(l -> l.matches("Thread writer-. *, in scan of '.-nodes', waits for"
                + " commit of transaction \\d+ of '.'.*; under allocation .* GFP_KERNEL.* at .*"));
        assertThat(said).anyMatch(l -> l.matches("Thread polder-.-committer waits for open handles"
                + " of transaction \\d+ of '.'.*"));
        assertThat(said).anyMatch(l -> l.matches("  held by thread writer-.: holds a journal handle"
                + ".*"));
        assertThat(said).anyMatch(l -> l.startsWith("Re-entry: writer-"));
    }

    @Test
    void aFlusherThatMayStartIoWaitsForItself() throws Exception {
        List<String> said = child("SCOPE", "false", "false", "100000", "16", "4096", "0");
        assertThat(said).contains("DEADLOCK");
        assertThat(said).anyMatch(l -> l.matches("Thread polder-.-flusher, in scan of '.-dirty',"
                + " waits for writeback of '.'.*"));
        assertThat(said).anyMatch(l -> l.contains("waits for itself"));
    }

    private List<String> child(String... args) throws IOException, InterruptedException {
        String[] all = new String[args.length + 1];
        all[0] = dir.toString();
        System.arraycopy(args, 0, all, 1, args.length);
        try (ChildProcess child = ChildProcess.start(TwoStores.class, all)) {
            List<String> said = child.lines();
            assertThat(child.exitCode()).as(String.join("\n", said)).isEqualTo(DEADLOCK);
            return said;
        }
    }
}
