package dev.polder.store;

import dev.polder.Polder;
import dev.polder.PolderConfig;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;

/// The program that is killed: writers that acknowledge each commit on standard output, and a
/// reader, on a small pool.
///
/// What writer `w` does in its transaction `n` follows from the two numbers alone, so that whoever
/// knows how far it came knows all its keys and values. Each transaction also puts its number under
/// the writer's own key: what the store says of how far it came, atomically with the rest.
final class KillLoad {
    static final int WRITERS = 2;
    private static final int KEYS = 250;
    private static final int POOL_MIB = 16;
    /// Values that are only read, larger than the pool together: reclaim runs all the time.
    private static final int BALLAST = 400;
    private static final int BALLAST_BYTES = 50_000;

    private KillLoad() {}

    static Polder pool() {
        return Polder.open(PolderConfig.builder().name("kill").budget((long) POOL_MIB << 20)
                .build());
    }

    static Store open(Path dir, Polder pool, Durability durability) {
        return Store.open(dir, pool, StoreConfig.builder().name("kill").journalBytes(2 << 20)
                .transactionPages(60).dirtyPages(64).policy(ReclaimPolicy.DOMAIN)
                .durability(durability).commitIntervalMillis(500).build());
    }

    private static byte[] ballastKey(int n) {
        return ("a" + n).getBytes(StandardCharsets.UTF_8);
    }

    /// Fills a new store.
    static void prepare(Store store) {
        byte[] value = new byte[BALLAST_BYTES];
        for (int i = 0; i < BALLAST; i += 10) {
            try (Transaction t = store.begin()) {
                for (int k = i; k < i + 10; k++) {
                    t.put(ballastKey(k), value);
                }
                t.commit();
            }
        }
    }

    static byte[] counterKey(int writer) {
        return ("w" + writer).getBytes(StandardCharsets.UTF_8);
    }

    /// How far a writer came, by the store.
    static long counter(Store store, int writer) {
        byte[] value = store.get(counterKey(writer));
        return value == null ? 0 : ByteBuffer.wrap(value).getLong();
    }

    /// The changes of one transaction; a null value is a deletion.
    static Map<String, byte[]> changes(int writer, long n) {
        Random random = new Random(writer * 1_000_003L + n);
        Map<String, byte[]> changes = new TreeMap<>();
        for (int i = random.nextInt(6); i >= 0; i--) {
            String key = "w" + writer + "/" + random.nextInt(KEYS);
            if (random.nextInt(4) == 0) {
                changes.put(key, new byte[0]);
            } else {
                int most = random.nextInt(12) == 0 ? 60_000 : 900;
                byte[] value = new byte[1 + random.nextInt(most)];
                random.nextBytes(value);
                changes.put(key, value);
            }
        }
        return changes;
    }

    private static void write(Store store, int writer, PrintStream out) {
        long n = counter(store, writer);
        while (true) {
            n++;
            try (Transaction t = store.begin()) {
                for (Map.Entry<String, byte[]> e : changes(writer, n).entrySet()) {
                    byte[] key = e.getKey().getBytes(StandardCharsets.UTF_8);
                    if (e.getValue().length == 0) {
                        t.delete(key);
                    } else {
                        t.put(key, e.getValue());
                    }
                }
                t.put(counterKey(writer), ByteBuffer.allocate(8).putLong(n).array());
                t.commit();
            }
            synchronized (out) {
                out.println("A " + writer + " " + n);
                out.flush();
            }
        }
    }

    private static void read(Store store) {
        Random random = new Random(1);
        while (true) {
            store.get(("w" + random.nextInt(WRITERS) + "/" + random.nextInt(KEYS))
                    .getBytes(StandardCharsets.UTF_8));
            store.get(ballastKey(random.nextInt(BALLAST)));
        }
    }

    /// `dir durability`. Runs until it is killed.
    public static void main(String[] args) {
        Polder pool = pool();
        Store store = open(Path.of(args[0]), pool, Durability.valueOf(args[1]));
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), false,
                StandardCharsets.UTF_8);
        for (int w = 0; w < WRITERS; w++) {
            out.println("L " + w + " " + counter(store, w));
        }
        out.flush();
        for (int w = 0; w < WRITERS; w++) {
            int writer = w;
            Thread.ofPlatform().name("writer-" + w).start(() -> write(store, writer, out));
        }
        Thread.ofPlatform().name("reader").start(() -> read(store));
    }
}
