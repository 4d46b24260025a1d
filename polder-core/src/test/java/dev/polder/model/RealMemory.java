package dev.polder.model;

import dev.polder.base.Frames;
import dev.polder.debug.FaultInjector;
import dev.polder.gfp.Gfp;
import dev.polder.kv.KvAllocator;
import dev.polder.memgroup.ChargeAudit;
import dev.polder.memgroup.MemGroup;
import dev.polder.mempool.MemPool;
import dev.polder.model.Program.Source;
import dev.polder.os.MappingBudget;
import dev.polder.page.PageAllocator;
import dev.polder.page.Role;
import dev.polder.slab.Kmalloc;
import dev.polder.slab.SlabCache;
import dev.polder.slab.Slabs;
import dev.polder.vmalloc.Vmalloc;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// The real allocators, what a program has of them, and where they put it.
///
/// After each request and free outside reclaim everything is recalled from the threads' sheaves and
/// lists, and empty slabs go: what may be kept near threads is kept nowhere, and what the pool does
/// is determined. Whatever is handed out is written to, and must be unchanged when it is freed.
final class RealMemory {
    /// What is held.
    ///
    /// @param at the run of [Source#PAGES], else the address
    /// @param size the order, else the bytes that were asked for
    record Block(Source source, long at, long size) {
    }

    /// Mappings that a program's areas may have together.
    static final int MAPPINGS = 48;
    private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG_UNALIGNED;

    private final PageAllocator pages;
    private final Slabs slabs;
    private final Kmalloc kmalloc;
    private final Vmalloc vmalloc;
    private final KvAllocator kv;
    private final SlabCache elements;
    private @Nullable MemPool reserve;
    /// Runs that the program itself holds: the others have an owner in the frame table.
    private final BitSet own = new BitSet();
    private List<String> facts = new ArrayList<>();
    private Told told = new Told();
    private boolean inCallback;

    RealMemory(PageAllocator pages) {
        this.pages = pages;
        this.slabs = new Slabs(pages);
        this.kmalloc = new Kmalloc(slabs);
        this.vmalloc = new Vmalloc(pages, MappingBudget.of(MAPPINGS), () -> { });
        this.kv = new KvAllocator(kmalloc, vmalloc);
        this.elements = new SlabCache(slabs, "elements", ModelReserve.ELEMENT);
    }

    /// Where runs and addresses are written down from now on, and facts.
    void beginStep(Told into, List<String> facts) {
        this.told = into;
        this.facts = facts;
    }

    /// A consumer is called, or has been.
    void inCallback(boolean yes) {
        inCallback = yes;
    }

    /// A request was served: the run is the one that nobody owns yet. That of a program comes with
    /// what `alloc` returns.
    void served(Role role, int order) {
        if (role == Role.DIRECT) {
            return;
        }
        for (int pfn = 1; pfn < pages.frames().size(); pfn++) {
            if (pages.frames().isHead(pfn) && pages.frames().owner(pfn) == null && !own.get(pfn)) {
                told.runs().add(new Told.Run(pfn, order, inCallback));
                return;
            }
        }
        throw new AssertionError("a run of order " + order + " was handed out and is not there");
    }

    @Nullable Block take(Source source, long size, int gfp) {
        long at = switch (source) {
            case PAGES -> run((int) size, gfp);
            case KMALLOC -> kmalloc.alloc(size, gfp);
            case VMALLOC -> vmalloc.alloc(size, gfp);
            case KVMALLOC -> kv.alloc(size, gfp);
            case MEMPOOL -> Objects.requireNonNull(reserve).alloc(gfp);
        };
        return taken(source, at, source == Source.MEMPOOL ? ModelReserve.ELEMENT : size, gfp);
    }

    boolean hasReserve() {
        return reserve != null;
    }

    /// Makes the memory pool, and has a look at its elements: with a fault in the cache they come
    /// from the reserve (L5).
    boolean makeReserve(int minimum) {
        MemPool made = MemPool.tryCreate(elements, minimum);
        settle();
        if (made == null) {
            return false;
        }
        made.faultInjector((_, _, _) -> true);
        List<Long> all = new ArrayList<>();
        for (int i = 0; i < minimum; i++) {
            all.add(made.alloc(0));
        }
        for (long at : all.reversed()) {
            told.addresses().add(at - pages.memory().base());
            made.free(at);
        }
        made.faultInjector(FaultInjector.NONE);
        reserve = made;
        return true;
    }

    /// Closes the memory pool.
    ///
    /// @throws IllegalStateException if elements are lent
    void closeReserve() {
        if (reserve != null) {
            reserve.close();
            reserve = null;
            settle();
        }
    }

    @Nullable Block aligned(long size, long alignment, int gfp) {
        long at = kmalloc.alloc(size, alignment, gfp);
        if (size > 0 && at % alignment != 0) {
            facts.add("not on a multiple of " + alignment);
        }
        return taken(Source.KMALLOC, at, size, gfp);
    }

    private long run(int order, int gfp) {
        long run = pages.alloc(order, gfp);
        if (run != 0) {
            own.set((int) run);
            told.runs().add(new Told.Run((int) run, order, inCallback));
        }
        return run;
    }

    private @Nullable Block taken(Source source, long at, long size, int gfp) {
        if (source == Source.PAGES) {
            return at == 0 ? null : new Block(source, at, size);
        }
        settle();
        boolean area = at != 0 && kv.isVmalloc(at);
        if (source == Source.KVMALLOC && (at == 0 || area) && size > Frames.SIZE) {
            // The first try got nothing.
            told.addresses().add(-1L);
        }
        told.addresses().add(at == 0 ? -1 : area ? at - pages.memory().vmallocStart()
                : at - pages.memory().base());
        if (at == 0) {
            return null;
        }
        if (Gfp.has(gfp, Gfp.ZERO) && !isZero(at, size)) {
            facts.add("not all zeros");
        }
        Block block = new Block(source, at, size);
        write(block);
        return block;
    }

    /// What can be seen of a block.
    String describe(Block block) {
        if (block.source == Source.MEMPOOL) {
            return "usable " + ModelReserve.ELEMENT;
        }
        if (!kv.isVmalloc(block.at)) {
            return "usable " + kmalloc.usableSize(block.at);
        }
        List<Long> frames = new ArrayList<>();
        for (long i = 0; i < Frames.count(block.size); i++) {
            frames.add(vmalloc.frameOf(block.at + Frames.bytes(i)));
        }
        return Outcome.pieces(frames);
    }

    void free(Block block) {
        if (block.source == Source.PAGES) {
            own.clear((int) block.at);
            pages.free(block.at);
            return;
        }
        if (!isUnchanged(block)) {
            facts.add(block + " is not what was written there");
        }
        switch (block.source) {
            case KMALLOC -> kmalloc.free(block.at);
            case VMALLOC -> vmalloc.free(block.at);
            case MEMPOOL -> Objects.requireNonNull(reserve).free(block.at);
            default -> kv.free(block.at);
        }
        if (!inCallback) {
            settle();
        }
    }

    /// Recalls what lies near threads.
    void settle() {
        slabs.shrinkAll();
        pages.zone().drain();
    }

    // ---- contents -------------------------------------------------------------------------------

    @SuppressWarnings("restricted")
    private static MemorySegment bytes(long at, long size) {
        return MemorySegment.ofAddress(at).reinterpret(size);
    }

    private static boolean isZero(long at, long size) {
        MemorySegment all = bytes(at, size);
        for (long i = 0; i < size; i++) {
            if (all.get(ValueLayout.JAVA_BYTE, i) != 0) {
                return false;
            }
        }
        return true;
    }

    /// A word in each frame and the last bytes: an overlap shows in them.
    private static void write(Block block) {
        MemorySegment all = bytes(block.at, block.size);
        for (long i = 0; i + WORD.byteSize() <= block.size; i += Frames.SIZE) {
            all.set(WORD, i, block.at + i);
        }
        for (long i = Math.max(0, block.size - WORD.byteSize()); i < block.size; i++) {
            all.set(ValueLayout.JAVA_BYTE, i, (byte) (block.at >> 3));
        }
    }

    private static boolean isUnchanged(Block block) {
        MemorySegment all = bytes(block.at, block.size);
        for (long i = 0; i + 2 * WORD.byteSize() <= block.size; i += Frames.SIZE) {
            if (all.get(WORD, i) != block.at + i) {
                return false;
            }
        }
        for (long i = Math.max(0, block.size - WORD.byteSize()); i < block.size; i++) {
            if (all.get(ValueLayout.JAVA_BYTE, i) != (byte) (block.at >> 3)) {
                return false;
            }
        }
        return true;
    }

    /// Walks every invariant.
    void verify(MemGroup root) {
        kv.verify();
        slabs.verify();
        if (reserve != null) {
            reserve.verify();
        }
        ChargeAudit audit = new ChargeAudit();
        pages.audit(audit);
        slabs.audit(audit);
        audit.verify(root);
    }

    /// Ends the allocators; what their areas have mapped goes with the pool's next user.
    void close() {
        slabs.close();
        if (pages.memory().canRemap()) {
            pages.memory().cover(pages.memory().vmallocStart(),
                    pages.memory().vmallocEnd() - pages.memory().vmallocStart());
        }
    }
}
