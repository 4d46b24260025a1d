package dev.polder;

import dev.polder.base.CloseSteps;
import dev.polder.gfp.Gfp;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;

/// An arena over a pool. Its segments are bounded by an arena of the JDK's, so that the JDK's rules
/// on threads and on use after close hold; the memory behind them goes back to the pool after that
/// arena has closed, when nobody can reach it any more.
final class PoolArena implements Arena {
    private final Polder pool;
    private final int gfp;
    private final Arena life;
    /// Guards `held` and `closed`; a leaf.
    private final ReentrantLock lock = new ReentrantLock();
    private final List<MemorySegment> held = new ArrayList<>();
    /// Whether `held` has gone back: what comes later is nobody's.
    private boolean closed;

    PoolArena(Polder pool, ArenaKind kind, int gfp) {
        this.pool = pool;
        this.gfp = gfp | Gfp.ZERO;
        this.life = switch (Objects.requireNonNull(kind, "kind")) {
            case CONFINED -> Arena.ofConfined();
            case SHARED -> Arena.ofShared();
        };
    }

    @Override
    @SuppressWarnings("restricted") // bounds the pool's own memory by the arena's life
    public MemorySegment allocate(long byteSize, long byteAlignment) {
        if (!life.scope().isAlive()) {
            throw closedArena();
        }
        MemorySegment s = pool.allocate(byteSize, byteAlignment, gfp);
        boolean kept = false;
        try {
            kept = keep(s);
        } finally {
            if (!kept) {
                free(s);
            }
        }
        if (!kept) {
            throw closedArena();
        }
        return MemorySegment.ofAddress(s.address()).reinterpret(byteSize, life, null);
    }

    private static IllegalStateException closedArena() {
        return new IllegalStateException("this arena is closed; make a new one");
    }

    /// False if the arena was closed meanwhile.
    private boolean keep(MemorySegment s) {
        lock.lock();
        try {
            return !closed && held.add(s);
        } finally {
            lock.unlock();
        }
    }

    @Override
    public MemorySegment.Scope scope() {
        return life.scope();
    }

    @Override
    public void close() {
        life.close();
        lock.lock();
        try {
            closed = true;
        } finally {
            lock.unlock();
        }
        // Nobody adds to it any more. One segment that cannot be freed does not keep the others.
        CloseSteps steps = new CloseSteps();
        held.forEach(s -> steps.run(() -> free(s)));
        held.clear();
        steps.finish();
    }

    private void free(MemorySegment s) {
        try {
            pool.free(s);
        } catch (IllegalStateException e) {
            if (!pool.isClosed()) {
                throw e;
            }
            // A closed pool took the memory with it.
        }
    }
}
