package dev.polder.bench;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.lang.foreign.Arena;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;

/// Allocators that hand out an object of the Java heap with the block.
final class HeapPeers {
    private HeapPeers() {}

    /// One of Netty's.
    static final class Netty extends Peer {
        private final ByteBufAllocator allocator;
        private final int size;
        private final ByteBuf[] slots = new ByteBuf[SLOTS];

        Netty(ByteBufAllocator allocator, int size) {
            this.allocator = allocator;
            this.size = size;
        }

        @Override
        void alloc(int slot) {
            slots[slot] = allocator.directBuffer(size);
        }

        @Override
        void free(int slot) {
            slots[slot].release();
        }
    }

    /// Arrow's.
    static final class Arrow extends Peer {
        private final BufferAllocator allocator;
        private final int size;
        private final ArrowBuf[] slots = new ArrowBuf[SLOTS];

        Arrow(BufferAllocator allocator, int size) {
            this.allocator = allocator;
            this.size = size;
        }

        @Override
        void alloc(int slot) {
            slots[slot] = allocator.buffer(size);
        }

        @Override
        void free(int slot) {
            slots[slot].close();
        }
    }

    /// The JDK's own, which zeroes.
    static final class Arenas extends Peer {
        private final int size;
        private final Arena[] slots = new Arena[SLOTS];

        Arenas(int size) {
            this.size = size;
        }

        @Override
        void alloc(int slot) {
            Arena arena = Arena.ofConfined();
            slots[slot] = arena;
            arena.allocate(size, Long.BYTES);
        }

        @Override
        void free(int slot) {
            slots[slot].close();
        }
    }
}
