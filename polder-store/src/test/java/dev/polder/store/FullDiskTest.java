package dev.polder.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.Polder;
import dev.polder.PolderConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A disk that is full, read-only, or lies: the store says so, goes on where it can, and loses
/// nothing that it acknowledged.
class FullDiskTest {
    @TempDir Path dir;
    private final FailingDisk disk = new FailingDisk();
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

    private Store store() {
        return Store.open(dir, pool, StoreConfig.builder().name("full").journalBytes(4 << 20)
                .transactionPages(100).files(disk).build());
    }

    @Test
    void aFullDiskFailsTheTransactionAndNothingElse() {
        TreeMap<Integer, byte[]> acknowledged = new TreeMap<>();
        try (Store store = store()) {
            disk.room(3 << 20);
            StoreException full = null;
            for (int i = 0; full == null; i++) {
                byte[] value = StoreTest.random(i, i % 3 == 0 ? 50_000 : 700);
                try {
                    store.put(TwoStores.key(i), value);
                    acknowledged.put(i, value);
                } catch (StoreFullException e) {
                    full = e;
                }
            }
            assertThat(full).hasMessageContaining("No space left").hasMessageContaining("'full'");
            store.verify();
            check(store, acknowledged);
            // Deleting makes room inside the file, where the disk has no say.
            for (int i = 0; i < 60; i++) {
                store.delete(TwoStores.key(i));
                acknowledged.remove(i);
            }
            store.checkpoint();
            store.put(TwoStores.key(9999), StoreTest.random(1, 50_000));
            acknowledged.put(9999, StoreTest.random(1, 50_000));
            store.verify();
        }
        try (Store store = store()) {
            check(store, acknowledged);
            store.verify();
        }
    }

    @Test
    void aDiskThatIsFullAtOnceMakesNoStore() {
        disk.room(1 << 20);
        assertThatThrownBy(this::store).isInstanceOf(StoreFullException.class)
                .hasMessageContaining("could not open");
        disk.room(Long.MAX_VALUE);
        try (Store store = store()) {
            assertThat(store.put(TwoStores.key(1), new byte[1])).isTrue();
        }
    }

    @Test
    void aDiskThatTurnsReadOnlyEndsTheStoreWithoutLoss() {
        Store store = store();
        store.put(TwoStores.key(1), StoreTest.random(1, 300));
        disk.readOnly(true);
        assertThatThrownBy(() -> store.put(TwoStores.key(2), StoreTest.random(2, 300)))
                .isInstanceOf(StoreException.class).hasMessageContaining("Read-only")
                .hasMessageContaining("open it again");
        // What was shown and will not be there later is not shown any more, and nothing is taken.
        assertThatThrownBy(() -> store.get(TwoStores.key(1))).isInstanceOf(StoreException.class);
        assertThatThrownBy(store::begin).isInstanceOf(StoreException.class);
        store.close();
        disk.readOnly(false);
        try (Store again = store()) {
            assertThat(again.get(TwoStores.key(1))).isEqualTo(StoreTest.random(1, 300));
            assertThat(again.get(TwoStores.key(2))).isNull();
            again.verify();
        }
    }

    /// What is committed cannot be put in its place: it stays in the journal until that is full.
    @Test
    void writersAreToldWhenWritingBackDoesNotGetOn() {
        TreeMap<Integer, byte[]> acknowledged = new TreeMap<>();
        try (Store store = store()) {
            for (int i = 0; i < 200; i++) {
                byte[] value = StoreTest.random(i, 700);
                store.put(TwoStores.key(i), value);
                acknowledged.put(i, value);
            }
            store.checkpoint();
            disk.dataReadOnly(true);
            StoreException told = null;
            for (int i = 0; told == null && i < 10_000; i++) {
                byte[] value = StoreTest.random(i, 600);
                try (Transaction t = store.begin()) {
                    t.put(TwoStores.key(i % 200), value);
                    t.commit();
                    acknowledged.put(i % 200, value);
                } catch (StoreException e) {
                    told = e;
                }
            }
            assertThat(told).hasMessageContaining("Read-only");
            check(store, acknowledged);
            disk.dataReadOnly(false);
            store.checkpoint();
            store.put(TwoStores.key(0), new byte[1]);
            acknowledged.put(0, new byte[1]);
            store.verify();
            disk.dataReadOnly(true);
            store.put(TwoStores.key(1), new byte[2]);
            acknowledged.put(1, new byte[2]);
            assertThatThrownBy(store::close).isInstanceOf(StoreException.class)
                    .hasMessageContaining("Read-only");
        }
        disk.dataReadOnly(false);
        try (Store store = store()) {
            check(store, acknowledged);
            store.verify();
        }
    }

    @Test
    void whereThereIsNoDirectoryThereIsAClearSentence() throws IOException {
        Path file = Files.writeString(dir.resolve("file"), "no directory");
        assertThatThrownBy(() -> Store.open(file, pool, StoreConfig.builder().build()))
                .isInstanceOf(StoreException.class).hasMessageContaining("is no directory");
    }

    @Test
    void aSyncThatFailsIsNotRepeatedAndBelieved() {
        Store store = store();
        store.put(TwoStores.key(1), StoreTest.random(1, 300));
        disk.syncFails(true);
        assertThatThrownBy(() -> store.put(TwoStores.key(2), StoreTest.random(2, 300)))
                .isInstanceOf(StoreException.class).hasMessageContaining("Input/output");
        disk.syncFails(false);
        assertThatThrownBy(() -> store.put(TwoStores.key(3), StoreTest.random(3, 300)))
                .isInstanceOf(StoreException.class);
        store.close();
        try (Store again = store()) {
            // Not acknowledged: it may be there or not, but whole.
            byte[] second = again.get(TwoStores.key(2));
            assertThat(second == null || Arrays.equals(second, StoreTest.random(2, 300)))
                    .isTrue();
            assertThat(again.get(TwoStores.key(1))).isEqualTo(StoreTest.random(1, 300));
            again.verify();
        }
    }

    private static void check(Store store, Map<Integer, byte[]> acknowledged) {
        acknowledged.forEach((i, value) ->
                assertThat(store.get(TwoStores.key(i))).as("key " + i).isEqualTo(value));
        assertThat(store.stats().keys()).isEqualTo(acknowledged.size());
    }
}
