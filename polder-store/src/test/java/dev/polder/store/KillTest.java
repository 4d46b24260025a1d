package dev.polder.store;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.Polder;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A hundred kills of a process at random moments of a load: no acknowledged commit is lost, no
/// transaction is there in part, and the store verifies.
///
/// Two stores are killed and looked at by turns, so that both processors have something to do. The
/// killed process recovers its store itself when it starts again, and is now and then killed at
/// that, too; every few kills the test opens the store and compares everything.
class KillTest {
    private static final int KILLS = 100;
    private static final int LANES = 2;
    /// Kills between two looks at everything.
    private static final int LOOK = 5;

    @TempDir Path dir;

    @Test
    void noAcknowledgedCommitIsLost() throws InterruptedException {
        long seed = System.nanoTime();
        System.out.println("KillTest seed " + seed);
        List<Lane> lanes = new ArrayList<>();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < LANES; i++) {
            Lane lane = new Lane(dir.resolve("lane-" + i), new Random(seed + i), KILLS / LANES,
                    Durability.SYNC);
            lanes.add(lane);
            threads.add(Thread.ofPlatform().name("lane-" + i).start(lane));
        }
        for (Thread t : threads) {
            t.join();
        }
        long acknowledged = 0;
        int kills = 0;
        for (Lane lane : lanes) {
            if (lane.failure != null) {
                throw new AssertionError("seed " + seed + ", kill " + lane.kills, lane.failure);
            }
            kills += lane.kills;
            for (long n : lane.acknowledged) {
                acknowledged += n;
            }
        }
        System.out.println("KillTest: " + kills + " kills, " + acknowledged + " commits");
        assertThat(kills).isEqualTo(KILLS);
        assertThat(acknowledged).isGreaterThan(KILLS);
    }

    /// The canary: a store that acknowledges what is not durable is caught.
    @Test
    void aStoreThatAcknowledgesTooEarlyIsCaught() {
        Lane lane = new Lane(dir.resolve("early"), new Random(7), 20, Durability.GROUP);
        lane.run();
        assertThat(lane.failure).isInstanceOf(AssertionError.class)
                .hasMessageContaining("writer");
    }

    /// One store and its process.
    private static final class Lane implements Runnable {
        private final Path dir;
        private final Random random;
        private final int most;
        private final Durability durability;
        private final long[] acknowledged = new long[KillLoad.WRITERS];
        private final long[] known = new long[KillLoad.WRITERS];
        private final TreeMap<String, byte[]> model = new TreeMap<>();
        private int kills;
        private volatile @Nullable Throwable failure;

        Lane(Path dir, Random random, int most, Durability durability) {
            this.dir = dir;
            this.random = random;
            this.most = most;
            this.durability = durability;
        }

        @Override
        public void run() {
            try {
                try (Polder pool = KillLoad.pool();
                        Store store = KillLoad.open(dir, pool, Durability.SYNC)) {
                    KillLoad.prepare(store);
                }
                while (kills < most) {
                    round();
                    if (kills % LOOK == 0) {
                        look();
                    }
                }
            } catch (IOException | InterruptedException | RuntimeException | Error e) {
                failure = e;
            }
        }

        private void round() throws IOException, InterruptedException {
            try (ChildProcess child = ChildProcess.start(KillLoad.class, dir.toString(),
                    durability.name())) {
                // Mostly under load; sometimes while it opens and recovers.
                boolean early = random.nextInt(8) == 0;
                long delay = random.nextInt(early ? 700 : 250);
                Thread killer = null;
                if (early) {
                    killer = killAfter(child, delay);
                }
                for (String l = child.output().readLine(); l != null;
                        l = child.output().readLine()) {
                    take(l);
                    if (killer == null && l.startsWith("A")) {
                        killer = killAfter(child, delay);
                    }
                }
                int exit = child.exitCode();
                assertThat(exit).as("the child was killed, it did not end").isEqualTo(137);
                kills++;
                if (killer != null) {
                    killer.join();
                }
            }
        }

        private static Thread killAfter(ChildProcess child, long millis) {
            return Thread.ofPlatform().start(() -> {
                try {
                    child.exited(millis);
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
                child.kill();
            });
        }

        private void take(String line) {
            String[] words = line.split(" ");
            assertThat(words).as("what the child says: " + line).hasSize(3);
            int writer = Integer.parseInt(words[1]);
            long n = Long.parseLong(words[2]);
            // What it found when it opened ("L") is not less than what it acknowledged.
            assertThat(n).as("writer " + writer).isGreaterThanOrEqualTo(acknowledged[writer]);
            acknowledged[writer] = n;
        }

        private void look() {
            try (Polder pool = KillLoad.pool();
                    Store store = KillLoad.open(dir, pool, Durability.SYNC)) {
                store.verify();
                for (int w = 0; w < KillLoad.WRITERS; w++) {
                    long n = KillLoad.counter(store, w);
                    assertThat(n).as("writer " + w).isGreaterThanOrEqualTo(acknowledged[w]);
                    while (known[w] < n) {
                        apply(w, ++known[w]);
                    }
                    acknowledged[w] = n;
                }
                TreeMap<String, byte[]> found = new TreeMap<>();
                store.scan("w".getBytes(StandardCharsets.UTF_8), null, (k, v) -> {
                    String key = new String(k, StandardCharsets.UTF_8);
                    return key.indexOf('/') < 0 || found.put(key, v) == null;
                });
                assertThat(found.keySet()).isEqualTo(model.keySet());
                for (Map.Entry<String, byte[]> e : model.entrySet()) {
                    assertThat(found.get(e.getKey())).as(e.getKey()).isEqualTo(e.getValue());
                }
            }
        }

        private void apply(int writer, long n) {
            for (Map.Entry<String, byte[]> e : KillLoad.changes(writer, n).entrySet()) {
                if (e.getValue().length == 0) {
                    model.remove(e.getKey());
                } else {
                    model.put(e.getKey(), e.getValue());
                }
            }
        }
    }
}
