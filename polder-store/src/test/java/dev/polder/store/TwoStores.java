package dev.polder.store;

import dev.polder.Polder;
import dev.polder.PolderConfig;
import dev.polder.gfp.Gfp;
import dev.polder.reclaim.ReclaimZone;
import dev.polder.reclaim.Vmscan;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;

/// Two stores on one small pool, a writer for each and a reader of both, and direct reclaim forced
/// on every n-th page request that may block: the load under which threads that wait for each other
/// would.
///
/// Forced reclaim is the pool's own code, entered where a shortage would enter it: on the thread
/// that asks, with the mask of its request, inside its scopes. As a program, prints `DONE`, or the
/// chain and `DEADLOCK` when a chain of waits has been closed for two seconds.
final class TwoStores implements AutoCloseable {
    private static final long CLOSED_NANOS = 2_000_000_000L;
    private static final int KEYS = 4_000;

    final Polder pool;
    final Store a;
    final Store b;
    private final AtomicInteger requests = new AtomicInteger();
    private final AtomicInteger rounds = new AtomicInteger();
    private final ConcurrentLinkedQueue<Throwable> failures = new ConcurrentLinkedQueue<>();
    private volatile boolean over;

    TwoStores(Path dir, long budget, StoreConfig.Builder config) {
        pool = Polder.open(PolderConfig.builder().name("two").budget(budget).build());
        a = Store.open(dir.resolve("a"), pool, config.name("a").build());
        b = Store.open(dir.resolve("b"), pool, config.name("b").build());
    }

    /// Lets every `every`-th request that may block reclaim, whether memory is short or not.
    void forceReclaim(int every) {
        Vmscan vmscan = new Vmscan(new ShortZone(pool), pool.pages().shrinkers(),
                pool.pages().stat(), pool.pages().clock());
        pool.pages().listener((role, order, entry, used, got) -> {
            if (Gfp.allowsBlocking(used) && requests.incrementAndGet() % every == 0) {
                vmscan.tryToFreePages(0, used);
            }
        });
    }

    /// The pool's zone as if it were always short, but not so far that reclaimers would have to
    /// queue.
    record ShortZone(Polder pool) implements ReclaimZone {
        @Override
        public Object frames() {
            return pool.pages().zone();
        }

        @Override
        public long freeFrames() {
            return 100;
        }

        @Override
        public long minFrames() {
            return 100;
        }

        @Override
        public long lowFrames() {
            return 200;
        }

        @Override
        public long highFrames() {
            return 300;
        }

        @Override
        public boolean balanced(int order) {
            return false;
        }

        @Override
        public long tend(long now) {
            return 0;
        }
    }

    /// Runs until `total` transactions have ended.
    ///
    /// @return false if some threads wait for each other
    boolean run(int total, int bufferBytes) throws InterruptedException {
        Thread[] threads = {start("writer-a", () -> write(a, total, bufferBytes)),
            start("writer-b", () -> write(b, total, bufferBytes)),
            start("reader", () -> read(total))};
        for (Thread t : threads) {
            while (!t.join(Duration.ofMillis(100))) {
                if (WaitGraph.capture().closedNanos() > CLOSED_NANOS) {
                    return false;
                }
            }
        }
        if (!failures.isEmpty()) {
            throw new AssertionError("a thread failed", failures.peek());
        }
        return true;
    }

    private Thread start(String name, Runnable work) {
        return Thread.ofPlatform().daemon().name(name).start(() -> {
            try {
                work.run();
            } catch (RuntimeException | Error e) {
                failures.add(e);
                over = true;
            }
        });
    }

    private void write(Store store, int total, int bufferBytes) {
        Random random = new Random(store.name().hashCode());
        while (!over && rounds.incrementAndGet() <= total) {
            try (Transaction t = store.begin()) {
                for (int i = 0; i < 4; i++) {
                    byte[] value = new byte[random.nextInt(400)];
                    t.put(key(random.nextInt(KEYS)), value);
                }
                if (random.nextInt(8) == 0) {
                    t.put(key(random.nextInt(KEYS)), new byte[random.nextInt(bufferBytes)]);
                }
                if (random.nextInt(16) == 0) {
                    t.buffer(bufferBytes).close();
                }
                t.commit();
            }
        }
        over = true;
    }

    private void read(int total) {
        Random random = new Random(total);
        while (!over) {
            (random.nextBoolean() ? a : b).get(key(random.nextInt(KEYS)));
        }
    }

    static byte[] key(int n) {
        return String.format("key-%05d", n).getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public void close() {
        pool.pages().listener(null);
        a.close();
        b.close();
        pool.verify();
        pool.close();
    }

    /// `dir policy noIoWriteback forceMayWait transactions budgetMiB bufferKiB every`.
    @SuppressWarnings("SystemOut")
    public static void main(String[] args) throws InterruptedException {
        StoreConfig.Builder config = StoreConfig.builder().journalBytes(8 << 20)
                .transactionPages(128).dirtyPages(512).commitIntervalMillis(2)
                .durability(Durability.GROUP).policy(ReclaimPolicy.valueOf(args[1]))
                .noIoWriteback(Boolean.parseBoolean(args[2]))
                .forceMayWait(Boolean.parseBoolean(args[3]));
        TwoStores two = new TwoStores(Path.of(args[0]), Long.parseLong(args[5]) << 20, config);
        int every = Integer.parseInt(args[7]);
        if (every > 0) {
            two.forceReclaim(every);
        }
        boolean done = two.run(Integer.parseInt(args[4]), Integer.parseInt(args[6]) << 10);
        if (!done) {
            System.out.println(WaitGraph.capture().describe());
        }
        System.out.println(done ? "DONE" : "DEADLOCK");
        System.out.println(two.a.stats() + "\n" + two.b.stats());
        if (done) {
            two.a.verify();
            two.b.verify();
            two.close();
        }
        System.out.flush();
        Runtime.getRuntime().halt(done ? 0 : 3);
    }
}
