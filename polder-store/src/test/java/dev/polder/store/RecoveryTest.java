package dev.polder.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.Polder;
import dev.polder.PolderConfig;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Recovery from files as a crash leaves them: copied while the store is open.
class RecoveryTest {
    @TempDir Path dir;
    private Polder pool;

    @BeforeEach
    void open() {
        pool = Polder.open(PolderConfig.builder().name("test").budget(32L << 20).build());
    }

    @AfterEach
    void close() {
        pool.verify();
        pool.close();
    }

    private Store store(Path where) {
        return Store.open(where, pool, StoreConfig.builder().name("r").journalBytes(4 << 20)
                .transactionPages(100).build());
    }

    private Path crash(String name) throws IOException {
        Path copy = Files.createDirectories(dir.resolve(name));
        for (String f : new String[] {"journal", "data"}) {
            Files.copy(dir.resolve("live").resolve(f), copy.resolve(f),
                    StandardCopyOption.REPLACE_EXISTING);
        }
        return copy;
    }

    @Test
    void whatIsOnlyInTheJournalIsReplayed() throws IOException {
        try (Store live = store(dir.resolve("live"))) {
            for (int i = 0; i < 50; i++) {
                live.put(TwoStores.key(i), StoreTest.random(i, 500));
            }
            Path copy = crash("copy");
            for (int again = 0; again < 2; again++) {
                try (Store store = store(copy)) {
                    store.verify();
                    assertThat(store.stats().keys()).isEqualTo(50);
                    assertThat(store.get(TwoStores.key(49))).isEqualTo(StoreTest.random(49, 500));
                    store.put(TwoStores.key(100), new byte[3]);
                    store.delete(TwoStores.key(100));
                }
            }
        }
    }

    @Test
    void aGroupThatIsNotWholeIsNotThereAndNothingBehindIt() throws IOException {
        long seed = System.nanoTime();
        System.out.println("RecoveryTest seed " + seed);
        Random random = new Random(seed);
        try (Store live = store(dir.resolve("live"))) {
            for (int i = 0; i < 40; i++) {
                live.put(TwoStores.key(i), StoreTest.random(i, 500));
            }
        }
        // Nothing was checkpointed between these two: the copy holds forty groups in its journal.
        try (Store live = store(dir.resolve("live"))) {
            for (int i = 0; i < 40; i++) {
                live.put(TwoStores.key(i), StoreTest.random(1000 + i, 500));
            }
            for (int round = 0; round < 20; round++) {
                Path copy = crash("torn-" + round);
                try (RandomAccessFile f = new RandomAccessFile(copy.resolve("journal").toFile(),
                        "rw")) {
                    f.seek(random.nextLong(f.length()));
                    f.write(random.nextInt());
                }
                try (Store store = store(copy)) {
                    store.verify();
                    int fresh = 0;
                    while (fresh < 40 && Arrays.equals(store.get(TwoStores.key(fresh)),
                            StoreTest.random(1000 + fresh, 500))) {
                        fresh++;
                    }
                    for (int i = fresh; i < 40; i++) {
                        assertThat(store.get(TwoStores.key(i)))
                                .isEqualTo(StoreTest.random(i, 500));
                    }
                }
            }
        }
    }

    @Test
    void oneSuperblockIsEnough() throws IOException {
        try (Store live = store(dir.resolve("live"))) {
            live.put(TwoStores.key(1), new byte[9]);
            live.checkpoint();
            live.put(TwoStores.key(2), new byte[9]);
            Path copy = crash("copy");
            // The newer one, third to be written, is torn: journal space is not used again before
            // its write is durable, so that the older one's journal has all that came after.
            damage(copy.resolve("data"), 4096 + 60);
            try (Store store = store(copy)) {
                store.verify();
                assertThat(store.stats().keys()).isEqualTo(2);
            }
            damage(crash("both").resolve("data"), 60);
            damage(dir.resolve("both").resolve("data"), 4096 + 60);
        }
        assertThatThrownBy(() -> store(dir.resolve("both"))).isInstanceOf(StoreException.class)
                .hasMessageContaining("superblock");
    }

    @Test
    void aDamagedPageIsToldAndNotReturned() throws IOException {
        Path live = dir.resolve("live");
        try (Store store = store(live)) {
            for (int i = 0; i < 500; i++) {
                store.put(TwoStores.key(i), StoreTest.random(i, 300));
            }
            store.put(TwoStores.key(500), StoreTest.random(500, 100_000));
        }
        int told = 0;
        for (long page = 3; page < 60; page++) {
            Path copy = crash("bad-" + page);
            damage(copy.resolve("data"), page * 4096 + 100);
            Store store = null;
            try {
                store = store(copy);
                for (int i = 0; i <= 500; i++) {
                    byte[] expected = StoreTest.random(i, i == 500 ? 100_000 : 300);
                    assertThat(store.get(TwoStores.key(i))).isEqualTo(expected);
                }
            } catch (StoreCorruptException e) {
                told++;
                assertThat(e).hasMessageContaining("page").hasMessageContaining("corrupt");
            } finally {
                if (store != null) {
                    store.close();
                }
            }
        }
        assertThat(told).isGreaterThan(30);
    }

    private static void damage(Path file, long at) throws IOException {
        try (RandomAccessFile f = new RandomAccessFile(file.toFile(), "rw")) {
            f.seek(at);
            int old = f.read();
            f.seek(at);
            f.write(old ^ 0xff);
        }
    }
}
