package dev.polder.store;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.Polder;
import dev.polder.PolderConfig;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.MemallocScope;
import dev.polder.gfp.ReclaimDomain;
import dev.polder.reclaim.Vmscan;
import dev.polder.shrink.ShrinkerHandle;
import dev.polder.shrinker.ShrinkControl;
import dev.polder.shrinker.Shrinker;
import dev.polder.stat.VmStat.Item;
import dev.polder.testkit.Row;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Lock;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// What a store's shrinkers give and refuse, by mask, scope and domain.
class ReclaimTest {
    private static final long BUDGET = 24L << 20;

    @TempDir Path dir;
    private Polder pool;

    @BeforeEach
    void open() {
        pool = Polder.open(PolderConfig.builder().name("test").budget(BUDGET).build());
    }

    @AfterEach
    void close() {
        pool.verify();
        pool.close();
    }

    private Store store(String name, ReclaimPolicy policy) {
        return Store.open(dir.resolve(name), pool, StoreConfig.builder().name(name).policy(policy)
                .journalBytes(8 << 20).transactionPages(200).durability(Durability.GROUP).build());
    }

    private ShrinkerHandle handle(String name) {
        return pool.pages().shrinkers().shrinkers().stream().filter(h -> h.name().equals(name))
                .findFirst().orElseThrow();
    }

    /// Fills a store with values in runs (value pages) and in leaves (nodes), all clean, all
    /// cached.
    private static void fill(Store store, int runs, int keys) {
        for (int i = 0; i < keys; i += 200) {
            try (Transaction t = store.begin()) {
                for (int k = i; k < Math.min(i + 200, keys); k++) {
                    t.put(TwoStores.key(k), StoreTest.random(k, 900));
                }
                t.commit();
            }
        }
        for (int i = 0; i < runs; i++) {
            store.put(TwoStores.key(1_000_000 + i), StoreTest.random(i, 40_000));
        }
        store.checkpoint();
        store.scan(new byte[0], null, (k, v) -> true);
    }

    @Test
    @Row("E4")
    void cleanValuePagesGoUnderAnyMask() {
        try (Store store = store("e4", ReclaimPolicy.SCOPE)) {
            fill(store, 50, 50);
            StoreShrinkers s = store.shrinkers();
            for (int gfp : new int[] {Gfp.NOIO, Gfp.NOFS, Gfp.KERNEL}) {
                assertThat(s.scanPages(ShrinkControl.of(gfp, 32))).isPositive();
            }
        }
    }

    @Test
    @Row("E5")
    void dirtyPagesAreMarkedAndTheFlusherWritesThem() {
        try (Store store = store("e5", ReclaimPolicy.SCOPE)) {
            for (int i = 0; i < 100; i++) {
                store.put(TwoStores.key(i), StoreTest.random(i, 900));
            }
            store.flush();
            StoreShrinkers s = store.shrinkers();
            long dirty = store.stats().dirtyPages();
            assertThat(dirty).isPositive();
            // Without IO nothing is started.
            assertThat(s.scanDirty(ShrinkControl.of(Gfp.NOIO, 32))).isEqualTo(Shrinker.STOP);
            assertThat(store.stats().dirtyPages()).isEqualTo(dirty);
            // With IO and no scope the caller waits for the flusher, and frees nothing itself.
            long before = store.stats().bytesWritten();
            assertThat(s.scanDirty(ShrinkControl.of(Gfp.KERNEL, 1000))).isZero();
            assertThat(store.stats().dirtyPages()).isZero();
            assertThat(store.stats().bytesWritten()).isGreaterThan(before);
        }
    }

    @Test
    @Row({"E8", "F2", "F9"})
    void withoutFsNodesAreCountedAndNotScanned() {
        try (Store store = store("f9", ReclaimPolicy.SCOPE)) {
            fill(store, 0, 1000);
            StoreShrinkers s = store.shrinkers();
            long nodes = store.stats().nodes();
            assertThat(nodes).isGreaterThan(200);
            try (MemallocScope _ = MemallocScope.noFs("a test")) {
                ShrinkControl sc = ShrinkControl.of(Gfp.KERNEL, 32);
                assertThat(s.scanNodes(sc)).isEqualTo(Shrinker.STOP);
            }
            assertThat(store.stats().nodes()).isEqualTo(nodes);
            assertThat(s.scanNodes(ShrinkControl.of(Gfp.KERNEL, 32))).isPositive();
            assertThat(store.stats().nodes()).isLessThan(nodes);
        }
    }

    @Test
    @Row("F9")
    void whoMayNotWaitNeitherWaitsForACommitNorForALock() throws InterruptedException {
        try (Store store = Store.open(dir.resolve("busy"), pool, StoreConfig.builder().name("busy")
                .durability(Durability.GROUP).commitIntervalMillis(1_000_000).build())) {
            store.put(TwoStores.key(0), new byte[3]);
            AtomicLong got = new AtomicLong();
            AtomicLong waited = new AtomicLong(Long.MIN_VALUE);
            Thread waiter;
            Thread flush;
            try (Transaction t = store.begin()) {
                t.put(TwoStores.key(1), new byte[3]);
                flush = Thread.ofPlatform().start(store::flush);
                awaitWait("open handles of transaction 1 of 'busy'");
                // The commit waits for this transaction: the leaf cannot go. Nobody may wait for
                // it.
                join(Thread.ofPlatform().start(() -> got.set(scanElsewhere(store))));
                assertThat(got.get()).isZero();
                Lock lock = store.cacheLock();
                lock.lock();
                try {
                    join(Thread.ofPlatform().start(() -> got.set(scanElsewhere(store))));
                } finally {
                    lock.unlock();
                }
                assertThat(got.get()).isEqualTo(Shrinker.STOP);
                // Who may, waits.
                waiter = Thread.ofPlatform().start(() -> waited.set(scanNodes(store)));
                awaitWait("commit of transaction 1 of 'busy'");
                assertThat(WaitGraph.capture().closes()).isFalse();
                assertThat(waited.get()).isEqualTo(Long.MIN_VALUE);
                t.commit();
            }
            join(waiter);
            join(flush);
            assertThat(waited.get()).isNotNegative();
        }
    }

    private static long scanElsewhere(Store store) {
        try (MemallocScope _ = MemallocScope.excluding(ReclaimDomain.of("elsewhere"),
                "holds something of somebody else")) {
            return scanNodes(store);
        }
    }

    private static long scanNodes(Store store) {
        return store.shrinkers().scanNodes(ShrinkControl.of(Gfp.KERNEL, 32));
    }

    /// Returns when some thread waits for `resource`.
    private static void awaitWait(String resource) throws InterruptedException {
        CountDownLatch never = new CountDownLatch(1);
        while (WaitGraph.capture().waits().stream().noneMatch(w -> w.resource().equals(resource))) {
            assertThat(never.await(2, TimeUnit.MILLISECONDS)).isFalse();
        }
    }

    private static void join(Thread t) throws InterruptedException {
        assertThat(t.join(Duration.ofSeconds(60))).as(() -> WaitGraph.capture().describe())
                .isTrue();
    }

    /// The pool is full of the other store's nodes. NOFS may not touch them; kswapd may.
    @ParameterizedTest
    @EnumSource(value = ReclaimPolicy.class, names = {"SCOPE", "DOMAIN", "MASK"})
    void aHolderGetsMemoryThatOnlyTheOtherStoreHas(ReclaimPolicy policy)
            throws InterruptedException {
        try (Store a = store("a", policy); Store b = store("b", policy)) {
            fill(b, 0, 20_000);
            long held = b.stats().framesHeld();
            assertThat(held).isGreaterThan(2000);
            long kswapd = pool.pages().stat().get(Item.PGSTEAL_KSWAPD);
            Thread holder = Thread.ofPlatform().name("holder").start(() -> {
                try (Transaction t = a.begin(); ValueBuffer buffer = t.buffer(12 << 20)) {
                    MemorySegment m = buffer.segment();
                    m.fill((byte) 1);
                    t.put(TwoStores.key(1), buffer, 12 << 20);
                    t.commit();
                }
            });
            join(holder);
            assertThat(a.get(TwoStores.key(1))).hasSize(12 << 20);
            assertThat(b.stats().framesHeld()).isLessThan(held);
            if (policy != ReclaimPolicy.DOMAIN) {
                assertThat(pool.pages().stat().get(Item.PGSTEAL_KSWAPD)).isGreaterThan(kswapd);
            }
            a.verify();
            b.verify();
        }
    }

    /// Not one frame is left: the committer needs none, the flusher has its requests and a buffer.
    @Test
    @Row("J7")
    void writingBackNeedsNoMemory() {
        try (Store store = store("j7", ReclaimPolicy.SCOPE)) {
            for (int i = 0; i < 400; i++) {
                store.put(TwoStores.key(i), StoreTest.random(i, 900));
            }
            List<Long> all = new ArrayList<>();
            int everything = Gfp.ATOMIC | Gfp.MEMALLOC;
            for (long run = pool.pages().alloc(0, everything); run != 0;
                    run = pool.pages().alloc(0, everything)) {
                all.add(run);
            }
            store.checkpoint();
            assertThat(store.stats().dirtyPages()).isZero();
            assertThat(store.stats().loggedPages()).isZero();
            all.forEach(pool.pages()::free);
        }
    }

    /// In one store's handle, exactly that store's shrinkers are left out of reclaim.
    @Test
    void aDomainLeavesOutItsOwnStoreOnly() {
        try (Store a = store("a", ReclaimPolicy.DOMAIN); Store b = store("b",
                ReclaimPolicy.DOMAIN)) {
            fill(a, 20, 400);
            fill(b, 20, 400);
            Vmscan vmscan = new Vmscan(new TwoStores.ShortZone(pool), pool.pages().shrinkers(),
                    pool.pages().stat(), pool.pages().clock());
            long[] before = scans("a-pages", "a-nodes", "b-pages", "b-nodes");
            try (Transaction t = a.begin()) {
                assertThat(vmscan.tryToFreePages(0, Gfp.KERNEL)).isPositive();
                t.commit();
            }
            long[] after = scans("a-pages", "a-nodes", "b-pages", "b-nodes");
            assertThat(after[0]).isEqualTo(before[0]);
            assertThat(after[1]).isEqualTo(before[1]);
            assertThat(after[2] + after[3]).isGreaterThan(before[2] + before[3]);
            assertThat(handle("a-pages").skippedByDomain()
                    + handle("a-nodes").skippedByDomain()).isPositive();
        }
    }

    private long[] scans(String... names) {
        return Arrays.stream(names).mapToLong(n -> handle(n).scans()).toArray();
    }
}
