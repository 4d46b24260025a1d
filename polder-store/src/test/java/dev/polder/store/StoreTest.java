package dev.polder.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.Polder;
import dev.polder.PolderConfig;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What a store promises, on a pool of its own, without pressure and with it.
class StoreTest {
    @TempDir Path dir;
    private Polder pool;
    private Store store;

    @BeforeEach
    void open() {
        pool = Polder.open(PolderConfig.builder().name("test").budget(32L << 20).build());
        store = reopen();
    }

    private Store reopen() {
        return Store.open(dir, pool, config().build());
    }

    private static StoreConfig.Builder config() {
        return StoreConfig.builder().name("t").journalBytes(8 << 20).transactionPages(200);
    }

    @AfterEach
    void close() {
        store.verify();
        store.close();
        pool.verify();
        pool.close();
    }

    static byte[] bytes(String s) {
        return s.getBytes(StandardCharsets.UTF_8);
    }

    private static String text(byte[] b) {
        return new String(b, StandardCharsets.UTF_8);
    }

    static byte[] random(long seed, int length) {
        byte[] b = new byte[length];
        new Random(seed).nextBytes(b);
        return b;
    }

    @Test
    void whatWasPutIsThereAndAfterReopening() {
        assertThat(store.put(bytes("a"), bytes("1"))).isTrue();
        assertThat(store.put(bytes("b"), bytes("2"))).isTrue();
        assertThat(store.put(bytes("a"), bytes("3"))).isFalse();
        assertThat(store.delete(bytes("b"))).isTrue();
        assertThat(store.delete(bytes("b"))).isFalse();
        assertThat(store.get(bytes("a"))).isEqualTo(bytes("3"));
        assertThat(store.get(bytes("b"))).isNull();
        store.close();
        store = reopen();
        assertThat(store.get(bytes("a"))).isEqualTo(bytes("3"));
        assertThat(store.stats().keys()).isEqualTo(1);
    }

    @Test
    void randomTransactionsAgreeWithAMap() {
        long seed = System.nanoTime();
        System.out.println("StoreTest seed " + seed);
        Random random = new Random(seed);
        TreeMap<byte[], byte[]> model = new TreeMap<>(Arrays::compareUnsigned);
        for (int round = 0; round < 400; round++) {
            TreeMap<byte[], byte[]> next = new TreeMap<>(model);
            try (Transaction t = store.begin()) {
                for (int i = random.nextInt(20); i >= 0; i--) {
                    change(t, next, random);
                }
                if (random.nextInt(4) > 0) {
                    t.commit();
                    model = next;
                }
            }
            if (round % 100 == 99) {
                store.verify();
                store.close();
                store = reopen();
            }
        }
        assertThat(store.stats().keys()).isEqualTo(model.size());
        List<byte[]> keys = new ArrayList<>();
        store.scan(new byte[0], null, (k, v) -> keys.add(k));
        assertThat(keys).containsExactlyElementsOf(model.keySet());
        for (Map.Entry<byte[], byte[]> e : model.entrySet()) {
            assertThat(store.get(e.getKey())).isEqualTo(e.getValue());
        }
    }

    private static void change(Transaction t, Map<byte[], byte[]> model, Random random) {
        byte[] key = bytes("key-" + random.nextInt(2000));
        assertThat(t.get(key)).isEqualTo(model.get(key));
        if (random.nextInt(3) == 0) {
            assertThat(t.delete(key)).isEqualTo(model.remove(key) != null);
        } else {
            int most = random.nextInt(10) == 0 ? 40_000 : 300;
            byte[] value = random(random.nextLong(), random.nextInt(most));
            assertThat(t.put(key, value)).isEqualTo(model.put(key, value) == null);
        }
    }

    @Test
    void anAbortedTransactionLeavesNothing() {
        store.put(bytes("k"), bytes("old"));
        long pages = store.stats().pagesAllocated();
        try (Transaction t = store.begin()) {
            t.put(bytes("k"), bytes("new"));
            t.put(bytes("big"), random(1, 300_000));
            for (int i = 0; i < 2000; i++) {
                t.put(bytes("many-" + i), bytes("x"));
            }
            t.abort();
        }
        assertThat(store.get(bytes("k"))).isEqualTo(bytes("old"));
        assertThat(store.get(bytes("big"))).isNull();
        assertThat(store.stats().pagesAllocated()).isEqualTo(pages);
        assertThat(store.stats().aborts()).isEqualTo(1);
    }

    @Test
    void readersSeeNothingBeforeTheCommit() throws InterruptedException {
        store.put(bytes("k"), bytes("old"));
        try (Transaction t = store.begin()) {
            t.put(bytes("k"), bytes("new"));
            assertThat(t.get(bytes("k"))).isEqualTo(bytes("new"));
            List<byte[]> seen = new ArrayList<>();
            Thread reader = Thread.ofPlatform().start(() -> seen.add(store.get(bytes("k"))));
            reader.join();
            assertThat(seen).containsExactly(bytes("old"));
            t.commit();
        }
        assertThat(store.get(bytes("k"))).isEqualTo(bytes("new"));
    }

    @Test
    void valuesUpToSixteenMebibytes() {
        for (int length : new int[] {0, 1, 1000, 1023, 1024, 4000, 4096, 8192, 70_000, 5 << 20,
            Store.MAX_VALUE}) {
            byte[] value = random(length, length);
            store.put(bytes("v"), value);
            assertThat(store.get(bytes("v"))).isEqualTo(value);
            long[] at = new long[1];
            long n = store.get(bytes("v"), (chunk, offset, total) -> {
                assertThat(offset).isEqualTo(at[0]);
                assertThat(total).isEqualTo(length);
                assertThat(MemorySegment.ofArray(value).asSlice(offset, chunk.byteSize())
                        .mismatch(chunk)).isEqualTo(-1);
                at[0] += chunk.byteSize();
            });
            assertThat(n).isEqualTo(length);
            assertThat(at[0]).isEqualTo(length);
        }
        store.verify();
    }

    @Test
    void aBufferIsWrittenWithoutACopy() {
        try (Transaction t = store.begin(); ValueBuffer b = t.buffer(2 << 20)) {
            b.segment().fill((byte) 7);
            b.segment().set(ValueLayout.JAVA_BYTE, 1_999_999, (byte) 9);
            t.put(bytes("merged"), b, 2_000_000);
            t.commit();
        }
        byte[] value = store.get(bytes("merged"));
        assertThat(value).hasSize(2_000_000);
        assertThat(value).startsWith(7).endsWith(9);
        assertThat(store.get(bytes("absent"), (c, o, l) -> assertThat(c).isNull())).isEqualTo(-1);
    }

    @Test
    void scansRangesInOrder() {
        try (Transaction t = store.begin()) {
            for (int i = 0; i < 5000; i++) {
                t.put(bytes(String.format("%05d", i)), bytes("v" + i));
            }
            t.commit();
        }
        List<String> seen = new ArrayList<>();
        long n = store.scan(bytes("01234"), bytes("01240"), (k, v) -> seen.add(text(k) + text(v)));
        assertThat(seen).containsExactly("01234v1234", "01235v1235", "01236v1236", "01237v1237",
                "01238v1238", "01239v1239");
        assertThat(n).isEqualTo(6);
        assertThat(store.scan(bytes("0"), null, (k, v) -> v.length < 4)).isEqualTo(101);
        assertThat(store.scan(bytes("z"), null, (k, v) -> true)).isZero();
    }

    @Test
    void badInputIsNamed() {
        assertThatThrownBy(() -> store.put(new byte[1025], new byte[0]))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("1024")
                .hasMessageContaining("1025");
        assertThatThrownBy(() -> store.put(new byte[1], new byte[Store.MAX_VALUE + 1]))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("16777216");
        assertThatThrownBy(() -> StoreConfig.builder().name("a b"))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("a b");
        assertThatThrownBy(() -> Store.open(dir.resolve("none"), pool,
                config().create(false).build())).isInstanceOf(StoreException.class)
                .hasMessageContaining("there is no store in");
        assertThatThrownBy(() -> reopen()).isInstanceOf(StoreException.class)
                .hasMessageContaining("open already");
        try (Transaction t = store.begin()) {
            assertThatThrownBy(store::begin).isInstanceOf(IllegalStateException.class);
            assertThatThrownBy(store::close).isInstanceOf(IllegalStateException.class);
            t.commit();
            assertThatThrownBy(() -> t.put(bytes("k"), bytes("v")))
                    .isInstanceOf(IllegalStateException.class).hasMessageContaining("committed");
        }
    }

    @Test
    void aTransactionThatIsTooLargeEndsClearlyAndLeavesNothing() {
        assertThatThrownBy(() -> {
            try (Transaction t = store.begin()) {
                for (int i = 0; i < 100_000; i++) {
                    t.put(random(i, 200), random(i, 300));
                }
                t.commit();
            }
        }).isInstanceOf(TransactionTooLargeException.class).hasMessageContaining("200 pages");
        assertThat(store.stats().keys()).isZero();
        store.put(bytes("k"), bytes("v"));
    }

    @Test
    void spaceIsUsedAgain() {
        for (int i = 0; i < 60; i++) {
            store.put(bytes("v"), random(i, 1 << 20));
        }
        store.checkpoint();
        assertThat(dir.resolve("data").toFile().length()).isLessThan(40L << 20);
        assertThat(store.stats().pagesAllocated()).isLessThan(300);
    }

    @Test
    void aClosedStoreSaysSo() {
        store.close();
        assertThatThrownBy(() -> store.get(bytes("k"))).isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("closed");
        assertThatThrownBy(store::begin).isInstanceOf(IllegalStateException.class);
        store = reopen();
    }

    @Test
    void anInterruptNeitherLosesNorBreaksAnything() {
        store.put(bytes("big"), random(3, 100_000));
        Thread.currentThread().interrupt();
        store.put(bytes("k"), random(4, 50_000));
        assertThat(Thread.interrupted()).isTrue();
        Thread.currentThread().interrupt();
        store.close();
        assertThat(Thread.interrupted()).isTrue();
        store = reopen();
        Thread.currentThread().interrupt();
        assertThat(store.get(bytes("big"))).isEqualTo(random(3, 100_000));
        assertThat(Thread.interrupted()).isTrue();
        assertThat(store.get(bytes("k"))).isEqualTo(random(4, 50_000));
    }
}
