package dev.polder.os;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.polder.base.Check;
import dev.polder.base.Frames;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.BitSet;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;

/// Pool memory anywhere: one block from the C library. Frames cannot be mapped twice, guards do not
/// catch, and what is given back stays with the process.
@SuppressWarnings("restricted") // native access is what this class is for
final class PortableMemory implements PoolMemory {
    private static final long ALIGNMENT = Frames.SIZE << Frames.MAX_ORDER;

    private final long base;
    private final long frames;
    private final SharedArena arena;
    private final MemorySegment segment;
    private final AtomicBoolean closed = new AtomicBoolean();
    /// Guards [#committed]. A leaf: nothing is called under it.
    private final ReentrantLock lock = new ReentrantLock();
    private final BitSet committed = new BitSet();

    private PortableMemory(long base, long frames, SharedArena arena, MemorySegment segment) {
        this.base = base;
        this.frames = frames;
        this.arena = arena;
        this.segment = segment;
    }

    /// malloc, because an arena would touch all of it to write zeroes.
    static PortableMemory open(long frames) {
        // Frames, then a guard frame that holds the sentinel.
        long span = Frames.bytes(frames) + Frames.SIZE;
        Linker linker = Linker.nativeLinker();
        MethodHandle malloc = linker.downcallHandle(linker.defaultLookup().findOrThrow("malloc"),
                FunctionDescriptor.of(ADDRESS, JAVA_LONG));
        MethodHandle free = linker.downcallHandle(linker.defaultLookup().findOrThrow("free"),
                FunctionDescriptor.ofVoid(ADDRESS));
        MemorySegment block = invoke(malloc, span + ALIGNMENT);
        if (block.address() == 0) {
            throw new IllegalStateException(
                    "malloc of " + span + " bytes failed; lower the budget");
        }
        long base = block.address() + ALIGNMENT - 1 & -ALIGNMENT;
        SharedArena arena = new SharedArena();
        MemorySegment whole = block.reinterpret(
                span + ALIGNMENT, arena.arena(), m -> release(free, m));
        return new PortableMemory(
                base, frames, arena, whole.asSlice(base - block.address(), span));
    }

    private static MemorySegment invoke(MethodHandle malloc, long bytes) {
        try {
            return (MemorySegment) malloc.invokeExact(bytes);
        } catch (Throwable t) {
            throw new IllegalStateException("malloc threw", t);
        }
    }

    private static void release(MethodHandle free, MemorySegment block) {
        try {
            free.invokeExact(block);
        } catch (Throwable t) {
            throw new IllegalStateException("free threw", t);
        }
    }

    @Override
    public String mode() {
        return "portable";
    }

    @Override
    public long base() {
        return base;
    }

    @Override
    public long frames() {
        return frames;
    }

    @Override
    public MemorySegment segment() {
        return segment;
    }

    @Override
    public boolean commit(long frame, long count) {
        return mark(frame, count, true);
    }

    @Override
    public boolean giveBack(long frame, long count) {
        return mark(frame, count, false);
    }

    @Override
    public boolean giveBackBlocks(long[] blocks, int n) {
        for (int i = 0; i < n; i++) {
            if (!giveBack(blocks[i], BLOCK_FRAMES)) {
                return false;
            }
        }
        return true;
    }

    private boolean mark(long frame, long count, boolean value) {
        if (frame < 0 || count < 1 || frame > frames - count) {
            throw new IllegalArgumentException(
                    "frames " + frame + " + " + count + " are not in a pool of " + frames);
        }
        lock.lock();
        try {
            committed.set((int) frame, (int) (frame + count), value);
            return !closed.get();
        } finally {
            lock.unlock();
        }
    }

    /// What was committed and not given back: the operating system is not asked.
    @Override
    public long residentBytes() {
        lock.lock();
        try {
            return closed.get() ? 0 : Frames.bytes(committed.cardinality());
        } finally {
            lock.unlock();
        }
    }

    @Override
    public boolean canRemap() {
        return false;
    }

    @Override
    public long vmallocStart() {
        return base + Frames.bytes(frames);
    }

    /// Equal to [#vmallocStart]: there is no vmalloc space.
    @Override
    public long sampleStart() {
        return vmallocEnd();
    }

    @Override
    public long vmallocEnd() {
        return vmallocStart();
    }

    @Override
    public boolean map(long address, long frame, long count) {
        throw new UnsupportedOperationException("portable mode cannot map frames twice");
    }

    @Override
    public boolean cover(long address, long bytes) {
        throw new UnsupportedOperationException("portable mode cannot map frames twice");
    }

    @Override
    public long zeroSentinel() {
        return vmallocEnd() + 16;
    }

    @Override
    public void zero(long address, long bytes) {
        Zeroing.zero(segment, address - base, bytes, false);
    }

    @Override
    public void abandon() {
        close();
    }

    @Override
    public void close() {
        closed.set(true);
        arena.close();
    }

    @Override
    public String toString() {
        return "portable memory of " + frames + " frames at " + Check.hex(base);
    }
}
