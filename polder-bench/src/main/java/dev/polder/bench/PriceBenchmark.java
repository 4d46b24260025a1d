package dev.polder.bench;

import dev.polder.Polder;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.MemallocScope;
import dev.polder.gfp.ScopeSite;
import dev.polder.slab.Kmalloc;
import dev.polder.task.Task;
import dev.polder.vmalloc.Vmalloc;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.locks.ReentrantLock;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.CompilerControl;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/// What single things of Polder cost, each beside the thing that it is to be compared with.
@State(Scope.Thread)
public class PriceBenchmark {
    private static final ScopeSite SITE = ScopeSite.of("a benchmark holds nothing");
    private static final int PAGE = 4096;
    private static final int MEBIBYTE = 1 << 20;

    private final Polder pool = Peer.Shared.POOL;
    private final Kmalloc kmalloc = pool.kmalloc();
    private final Vmalloc vmalloc = pool.vmalloc();
    private final ReentrantLock lock = new ReentrantLock();
    private final MemorySegment zeros = Arena.global().allocate(PAGE, PAGE);
    private final MemorySegment page = Arena.global().allocate(PAGE, PAGE);
    private int calls;
    private int turn;

    /// A call of a method that does nothing to speak of.
    @Benchmark
    public int body() {
        return count();
    }

    /// The same inside a scope.
    @Benchmark
    public int scopedBody() {
        try (var _ = MemallocScope.noFs(SITE)) {
            return count();
        }
    }

    @CompilerControl(CompilerControl.Mode.DONT_INLINE)
    private int count() {
        return ++calls;
    }

    /// One look-up of the thread's state, without which no scope is entered or left.
    @Benchmark
    public Task lookup() {
        return Task.current();
    }

    /// A lock that nobody else wants, taken and left: what `vmalloc` is measured by.
    @Benchmark
    public int lockPair() {
        lock.lock();
        try {
            return ++calls;
        } finally {
            lock.unlock();
        }
    }

    /// An area of 1 MiB that was freed before and is taken again.
    @Benchmark
    public void vmallocSteady() {
        vmalloc.free(vmalloc.alloc(MEBIBYTE, Gfp.KERNEL));
    }

    /// A fresh area of 1 to 2 MiB: no size comes again while one of it is kept. The price includes
    /// what kswapd does to unmap those that were freed.
    @Benchmark
    public void vmallocFresh() {
        int more = (turn++ & 255) * PAGE;
        vmalloc.free(vmalloc.alloc(MEBIBYTE + more, Gfp.KERNEL));
    }

    /// A page, zeroed.
    @Benchmark
    public void zeroedPage() {
        kmalloc.free(kmalloc.alloc(PAGE, Gfp.KERNEL | Gfp.ZERO));
    }

    /// A page, not zeroed.
    @Benchmark
    public void plainPage() {
        kmalloc.free(kmalloc.alloc(PAGE, Gfp.KERNEL));
    }

    /// A copy of a page of zeros.
    @Benchmark
    public void copyOfZeros() {
        MemorySegment.copy(zeros, 0, page, 0, PAGE);
    }
}
