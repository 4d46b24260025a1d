package dev.polder;

import dev.polder.gfp.Gfp;
import dev.polder.slab.SlabCache;
import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/// Frees objects and closes a cache while the Java heap is full. In a JVM of its own:
/// nothing else of the tests would work meanwhile.
final class HeapShortage {
    private static final int CACHES = 40;
    private static final int[] PIECES = {1 << 20, 1 << 16, 1 << 12, 1 << 8};
    /// Times that the heap is filled with the smallest, while other threads still free some.
    private static final int ROUNDS = 3;
    private static final Object[] BIG = new Object[4096];

    private static @Nullable Node small;

    /// The smallest thing to fill the heap with.
    private static final class Node {
        final @Nullable Node next;

        Node(@Nullable Node next) {
            this.next = next;
        }
    }

    private HeapShortage() {}

    public static void main(String[] args) throws Exception {
        // The first rounds load what the later ones need; what is left then differs
        for (int round = 0; round < 3; round++) {
            frees(round > 1);
        }
        for (int left = -1; left < 100; left += 25) {
            closes(left);
        }
        System.out.println("nothing was lost");
        System.exit(0);
    }

    /// Objects that another thread took, so that each free asks for new sheaves.
    private static void frees(boolean full) throws InterruptedException {
        try (Polder pool = open()) {
            SlabCache[] caches = new SlabCache[CACHES];
            for (int i = 0; i < CACHES; i++) {
                caches[i] = pool.createCache("cache-" + i, 64);
            }
            long[] objects = new long[CACHES];
            CountDownLatch taken = new CountDownLatch(1);
            Thread.ofPlatform().start(() -> {
                for (int i = 0; i < CACHES; i++) {
                    objects[i] = caches[i].alloc(Gfp.KERNEL);
                }
                taken.countDown();
            });
            taken.await();
            fill(full ? 0 : -1);
            try {
                for (int i = 0; i < CACHES; i++) {
                    caches[i].free(objects[i]);
                }
            } finally {
                empty();
            }
            pool.verify();
            for (SlabCache cache : caches) {
                cache.close();
            }
        }
    }

    /// @param left how much is left of the heap; -1 for all
    private static void closes(int left) {
        try (Polder pool = open()) {
            SlabCache cache = pool.createCache("cache", 48);
            long[] objects = new long[100];
            Arrays.setAll(objects, _ -> cache.alloc(Gfp.KERNEL));
            for (long object : objects) {
                cache.free(object);
            }
            boolean closed = false;
            fill(left);
            try {
                cache.close();
                closed = true;
            } catch (OutOfMemoryError e) {
                closed = false;
            } finally {
                empty();
            }
            if (!closed) {
                cache.close();
            }
            if (cache.stats().frames() != 0) {
                throw new AssertionError("a closed cache keeps frames");
            }
            pool.verify();
        }
    }

    private static Polder open() {
        return Polder.open(PolderConfig.builder().name("shortage").budget(64L << 20).build());
    }

    private static void fill(int left) {
        if (left < 0) {
            return;
        }
        int n = 0;
        int full = 0;
        for (int piece : PIECES) {
            try {
                while (n < BIG.length) {
                    BIG[n] = new byte[piece];
                    n++;
                }
            } catch (OutOfMemoryError e) {
                full++;
            }
        }
        for (int i = 0; i < ROUNDS; i++) {
            try {
                while (true) {
                    small = new Node(small);
                }
            } catch (OutOfMemoryError e) {
                full++;
            }
        }
        if (full != PIECES.length + ROUNDS) {
            throw new AssertionError("the heap is not full");
        }
        for (int i = 0; i < left && small != null; i++) {
            small = small.next;
        }
    }

    private static void empty() {
        small = null;
        Arrays.fill(BIG, null);
    }
}
