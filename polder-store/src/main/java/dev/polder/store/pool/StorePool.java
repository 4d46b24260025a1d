package dev.polder.store.pool;

import dev.polder.Polder;
import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.MemallocScope;
import dev.polder.gfp.ReclaimDomain;
import dev.polder.gfp.ScopeSite;
import dev.polder.mempool.MemPool;
import dev.polder.page.PageAllocator;
import dev.polder.slab.SlabCache;
import dev.polder.store.watch.Activity;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// One store's share of a pool: frames for pages, slab objects for nodes and handles, buffers for
/// values and for writing.
///
/// Rule of the whole store, checked by reading: **no lock of the cache, the journal or the tree is
/// held while one of these methods runs**; the write lock and the journal handle are. What they
/// allow is decided in the [Restraint].
public final class StorePool implements AutoCloseable {
    /// Bytes of a node's search index in the slab (`NodeIndex` has the layout).
    public static final int NODE_BYTES = 1024;
    /// Bytes of a handle's record.
    public static final int HANDLE_BYTES = 64;
    /// Bytes of a write request.
    public static final int REQUEST_BYTES = 64;

    private final Polder polder;
    private final PageAllocator pages;
    private final MemorySegment memory;
    private final long base;
    private final Restraint restraint;
    private final SlabCache nodes;
    private final SlabCache handles;
    private final SlabCache requests;
    private final MemPool requestPool;

    /// The share of the store `name`.
    ///
    /// @param inFlight write requests that can always be had
    public StorePool(String name, Polder polder, Restraint restraint, int inFlight) {
        this.polder = polder;
        this.pages = polder.pages();
        this.memory = pages.memory().segment();
        this.base = pages.memory().base();
        this.restraint = restraint;
        nodes = polder.createCache(name + "-node", NODE_BYTES);
        handles = polder.createCache(name + "-handle", HANDLE_BYTES);
        requests = polder.createCache(name + "-writereq", REQUEST_BYTES);
        requestPool = polder.createMemPool(requests, inFlight);
    }

    /// The pool's memory; frames and slab objects are at [#offset] in it.
    public MemorySegment memory() {
        return memory;
    }

    /// Offset of an address in [#memory].
    public long offset(long address) {
        return address - base;
    }

    /// A frame as a segment.
    public MemorySegment page(long run) {
        return memory.asSlice(offset(pages.address(run)), Frames.SIZE);
    }

    /// A frame's offset in [#memory].
    public long pageOffset(long run) {
        return offset(pages.address(run));
    }

    /// Takes a frame for page `number`.
    ///
    /// @throws PoolShortageException if there is none
    public long frame(long number) throws PoolShortageException {
        int gfp = restraint.mask(Gfp.KERNEL);
        Activity a = Activity.current();
        a.allocating("page frame", Frames.SIZE, gfp);
        long run;
        try {
            run = pages.alloc(0, gfp);
        } finally {
            a.allocated();
        }
        if (run == 0) {
            throw new PoolShortageException("a frame for page " + number);
        }
        return run;
    }

    /// Gives a frame back.
    public void freeFrame(long run) {
        pages.free(run);
    }

    /// Takes an object for a node's index; 0 when there is none: the node is searched without.
    public long node() {
        return object(nodes, "slab node", NODE_BYTES);
    }

    /// Gives it back; 0 does nothing.
    public void freeNode(long address) {
        if (address != 0) {
            nodes.free(address);
        }
    }

    /// Takes an object for a journal handle's record.
    ///
    /// @throws PoolShortageException if there is none
    public long handle() throws PoolShortageException {
        long address = object(handles, "slab handle", HANDLE_BYTES);
        if (address == 0) {
            throw new PoolShortageException("a journal handle");
        }
        return address;
    }

    /// Gives it back.
    public void freeHandle(long address) {
        handles.free(address);
    }

    private long object(SlabCache cache, String what, int bytes) {
        int gfp = restraint.mask(Gfp.KERNEL);
        Activity a = Activity.current();
        a.allocating(what, bytes, gfp);
        try {
            return cache.alloc(gfp);
        } finally {
            a.allocated();
        }
    }

    /// Takes a write request: always succeeds while no more are held than the pool was made for.
    public long request() {
        int gfp = restraint.mask(Gfp.KERNEL);
        Activity a = Activity.current();
        a.allocating("write request", REQUEST_BYTES, gfp);
        try {
            return requestPool.alloc(gfp);
        } finally {
            a.allocated();
        }
    }

    /// Gives it back.
    public void freeRequest(long address) {
        requestPool.free(address);
    }

    /// Takes a value buffer and does not come back without one.
    public MemorySegment buffer(long size) {
        int gfp = restraint.mask(Gfp.KERNEL) | Gfp.NOFAIL;
        Activity a = Activity.current();
        a.allocating("kvmalloc", size, gfp);
        try {
            return polder.allocate(size, gfp);
        } finally {
            a.allocated();
        }
    }

    /// Takes a buffer if it is to be had in one try: for a thread that has a smaller one of its
    /// own.
    public @Nullable MemorySegment tryBuffer(long size) {
        int gfp = restraint.mask(Gfp.KERNEL) | Gfp.NORETRY | Gfp.NOWARN;
        Activity a = Activity.current();
        a.allocating("kvmalloc", size, gfp);
        try {
            return polder.tryAllocate(size, gfp);
        } finally {
            a.allocated();
        }
    }

    /// Gives a buffer back.
    public void freeBuffer(MemorySegment buffer) {
        polder.free(buffer);
    }

    /// Opens the scope of a journal handle.
    public @Nullable MemallocScope hold(ReclaimDomain own, ScopeSite site) {
        return restraint.hold(own, site);
    }

    /// Opens the scope of the flusher.
    public @Nullable MemallocScope writeback(ScopeSite site) {
        return restraint.writeback(site);
    }

    /// Gives the caches back. All objects are freed before.
    @Override
    public void close() {
        requestPool.close();
        requests.close();
        handles.close();
        nodes.close();
    }
}
