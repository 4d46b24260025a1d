package dev.polder;

import dev.polder.debug.MemoryCorruptedException;
import dev.polder.gfp.Gfp;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/// An arena over a pool. Its segments are bounded by an arena of the JDK's, so that the JDK's rules
/// on threads and on use after close hold; the memory behind them goes back to the pool after that
/// arena has closed, when nobody can reach it any more.
final class PoolArena implements Arena {
    private final Polder pool;
    private final int gfp;
    private final Arena life;
    private final List<MemorySegment> held = new ArrayList<>();

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
            throw new IllegalStateException("this arena is closed; make a new one");
        }
        MemorySegment s = pool.allocate(byteSize, byteAlignment, gfp);
        synchronized (held) {
            held.add(s);
        }
        return MemorySegment.ofAddress(s.address()).reinterpret(byteSize, life, null);
    }

    @Override
    public MemorySegment.Scope scope() {
        return life.scope();
    }

    @Override
    public void close() {
        life.close();
        RuntimeException first = null;
        synchronized (held) {
            // A closed pool took the memory with it.
            for (MemorySegment s : pool.isClosed() ? List.<MemorySegment>of() : held) {
                try {
                    pool.free(s);
                } catch (MemoryCorruptedException e) {
                    // In debug mode one damaged segment does not keep the others.
                    first = first == null ? e : first;
                }
            }
            held.clear();
        }
        if (first != null) {
            throw first;
        }
    }
}
