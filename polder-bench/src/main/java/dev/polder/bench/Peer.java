package dev.polder.bench;

import dev.polder.Polder;
import dev.polder.PolderConfig;
import dev.polder.debug.Sampling;
import io.netty.buffer.AdaptiveByteBufAllocator;
import io.netty.buffer.PooledByteBufAllocator;
import java.time.Duration;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;

/// An allocator under measurement, as one thread uses it: what it hands out is kept in numbered
/// slots, the same price for all.
///
/// A run of a benchmark makes peers of one class only, so that the calls have one target and the
/// compiler can put them in line, as it could in a program that uses one allocator.
abstract class Peer {
    /// Slots: the length of a batch.
    static final int SLOTS = 100;

    /// Allocates into a slot.
    abstract void alloc(int slot);

    /// Frees what lies in a slot.
    abstract void free(int slot);

    /// The peer with that name for blocks of `size` bytes.
    static Peer of(String name, int size) {
        return switch (name) {
            case "none" -> new NoPeer();
            case "polder" -> size <= PolderPeers.LARGEST_KMALLOC
                    ? new PolderPeers.ByKmalloc(Shared.POOL, size)
                    : new PolderPeers.ByKvmalloc(Shared.POOL, size);
            case "polder-sampled" -> new PolderPeers.ByKmalloc(SharedSampled.POOL, size);
            case "polder-cache" -> new PolderPeers.ByCache(Shared.POOL, size);
            case "polder-segment" -> new PolderPeers.BySegment(Shared.POOL, size);
            case "netty-adaptive" -> new HeapPeers.Netty(SharedNetty.ADAPTIVE, size);
            case "netty-pooled" -> new HeapPeers.Netty(SharedNetty.POOLED, size);
            case "arrow" -> new HeapPeers.Arrow(SharedArrow.ROOT, size);
            case "arena" -> new HeapPeers.Arenas(size);
            case "malloc", "jemalloc", "mimalloc" -> new NativePeer(size);
            default -> throw new IllegalArgumentException("no peer " + name);
        };
    }

    /// What the measurement itself costs.
    private static final class NoPeer extends Peer {
        private final long[] slots = new long[SLOTS];

        @Override
        void alloc(int slot) {
            slots[slot] = 1;
        }

        @Override
        void free(int slot) {
            slots[slot] = 0;
        }
    }

    /// One pool for all threads of a run.
    static final class Shared {
        static final Polder POOL = Polder.open(PolderConfig.builder().name("bench")
                .budget(512L << 20).build());

        private Shared() {}
    }

    /// The same, with a sampled object every 100 ms.
    private static final class SharedSampled {
        static final Polder POOL = Polder.open(PolderConfig.builder().name("bench-sampled")
                .budget(512L << 20).sampling(Sampling.each(Duration.ofMillis(100))).build());

        private SharedSampled() {}
    }

    private static final class SharedNetty {
        static final AdaptiveByteBufAllocator ADAPTIVE = new AdaptiveByteBufAllocator(true);
        static final PooledByteBufAllocator POOLED = new PooledByteBufAllocator(true);

        private SharedNetty() {}
    }

    private static final class SharedArrow {
        static final BufferAllocator ROOT = new RootAllocator();

        private SharedArrow() {}
    }
}
