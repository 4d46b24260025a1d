package dev.polder.slab;

import dev.polder.base.Check;
import dev.polder.base.Frames;
import dev.polder.debug.Findings;
import dev.polder.debug.Poison;
import dev.polder.debug.Sampling;
import dev.polder.gfp.Gfp;
import dev.polder.memgroup.ChargeAudit;
import dev.polder.os.MappingBudget;
import dev.polder.os.PoolMemory;
import dev.polder.page.PageAllocator;
import dev.polder.page.Role;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// Now and then places an object on a page of its own between two guards, where a use after free
/// and a step over an end fault at once. After the kernel's KFENCE; small enough to leave on.
///
/// Notes
///
/// The choice falls where a thread's free objects are refilled, and a sampled object is known by
/// its address, which lies outside the linear map: the fast paths know nothing of all this.
///
/// A slot is free (covered by the memory file of length zero, so that a touch is an InternalError),
/// live (its frame mapped), or on the way between. It is used again only after all others, so that
/// a freed object stays out of reach for long. Objects lie at the end of their page or at its
/// beginning, in turn; what is left of the page is red and is checked on free.
///
/// A free covers the page at once: the one exception to R5, which lets no free unmap (record 0009).
/// Mappings for all slots are reserved when the pool opens, so that it cannot fail for want of one.
///
/// Locks: a leaf over the ring of free slots; not held over a page request, a mapping or a fault.
final class Kfence {
    /// At most this part of the pool is held by sampled objects.
    private static final int SHARE = 256;
    /// A mapped page splits the cover into three.
    private static final int MAPPINGS_A_SLOT = 2;
    /// Candidates that an explanation names of each kind.
    private static final int TOP = 5;

    private final PageAllocator pages;
    private final PoolMemory memory;
    private final MemorySegment all;
    private final MappingBudget budget;
    private final Sampling sampling;
    private final Findings findings;
    private final SampledSlot[] slots;
    private final long start;

    private final ReentrantLock lock = new ReentrantLock();
    // Free slots, the one freed longest ago first: a ring
    private final SampledSlot[] free;
    private int head;
    private int count;

    // Written by whoever passes, without order: a sample more or less does not matter.
    private int refills;
    private long last;
    private long serial;

    private Kfence(PageAllocator pages, MappingBudget budget, Sampling sampling,
            Findings findings, int n) {
        this.pages = pages;
        this.memory = pages.memory();
        this.all = memory.segment();
        this.budget = budget;
        this.sampling = sampling;
        this.findings = findings;
        this.start = memory.sampleStart();
        this.slots = new SampledSlot[n];
        for (int i = 0; i < n; i++) {
            slots[i] = new SampledSlot(start + 2 * Frames.bytes(i));
        }
        this.free = slots.clone();
        this.count = n;
        this.last = pages.clock().nanos() - sampling.intervalNanos();
    }

    /// A sampler, or null where it is off, nothing can be remapped, or no mappings are left.
    static @Nullable Kfence of(PageAllocator pages, MappingBudget budget, Sampling sampling,
            Findings findings) {
        int n = Math.min(PoolMemory.SAMPLE_SLOTS, pages.frames().size() / SHARE);
        boolean possible = sampling.every() > 0 && pages.memory().canRemap() && n > 0;
        return possible && budget.tryReserve(n * MAPPINGS_A_SLOT)
                ? new Kfence(pages, budget, sampling, findings, n) : null;
    }

    /// True if this refill is one to sample.
    boolean due() {
        if (++refills % sampling.every() != 0) {
            return false;
        }
        long now = pages.clock().nanos();
        if (now - last < sampling.intervalNanos()) {
            return false;
        }
        last = now;
        return true;
    }

    /// Takes an object of `size` bytes for `cache`, which nobody pays for yet; null if there is no
    /// slot or no frame at hand.
    @Nullable SampledSlot alloc(SlabCache cache, int size, short state, int gfp) {
        if (size > Frames.SIZE) {
            return null;
        }
        SampledSlot slot = takeSlot();
        if (slot == null) {
            return null;
        }
        long run = 0;
        boolean mapped = false;
        try {
            run = pages.tryAlloc(Role.SLAB, 0, Gfp.NOWARN | (gfp & Gfp.KSWAPD_RECLAIM));
            mapped = run != 0 && memory.map(slot.page, run, 1);
        } finally {
            if (!mapped) {
                giveSlot(slot, true);
                pages.free(run);
            }
        }
        if (!mapped) {
            return null;
        }
        boolean atEnd = (++serial & 1) != 0;
        slot.take(cache, size, state, run, atEnd, serial);
        Poison.fill(all, slot.page - memory.base(), Frames.SIZE, Poison.RED);
        Poison.fill(all, slot.object - memory.base(), size,
                (gfp & Gfp.ZERO) != 0 ? 0 : Poison.IN_USE);
        pages.frames().owner(run, 1, slot);
        slot.publish();
        return slot;
    }

    /// The slot that `address` lies in, used or not, or null.
    @Nullable SampledSlot slotAt(long address) {
        long index = (address - start) >>> (Frames.SHIFT + 1);
        return address >= start && index < slots.length ? slots[(int) index] : null;
    }

    /// Frees the object of a slot.
    ///
    /// @return false if there is none: somebody was faster
    /// @throws dev.polder.debug.MemoryCorruptedException if the page around it was written; the
    ///     object is free all the same
    boolean free(SampledSlot slot) {
        if (!slot.leave()) {
            return false;
        }
        slot.uncharge();
        String damage = damage(slot);
        // Refused only by a system out of memory: then the slot is lost, and its frame with it.
        if (memory.cover(slot.page, Frames.SIZE)) {
            pages.frames().owner(slot.run, 1, null);
            pages.free(slot.run);
            slot.freed();
            giveSlot(slot, false);
        }
        if (damage != null) {
            throw findings.thrown(damage);
        }
        return true;
    }

    private @Nullable String damage(SampledSlot slot) {
        long from = slot.page - memory.base();
        long object = slot.object - memory.base();
        long end = object + slot.size;
        long before = Poison.firstBroken(all, from, object - from, Poison.RED);
        long behind = Poison.firstBroken(all, end, from + Frames.SIZE - end, Poison.RED);
        if (before < 0 && behind < 0) {
            return null;
        }
        return "out of bounds: " + (behind >= 0 ? behind - end + " bytes behind the end of "
                : object - before + " bytes before the beginning of ") + slot + ": the page holds "
                + Poison.dump(all, behind >= 0 ? behind : before, from + Frames.SIZE)
                + slot.describe();
    }

    private @Nullable SampledSlot takeSlot() {
        if (!lock.tryLock()) {
            return null;
        }
        try {
            if (count == 0) {
                return null;
            }
            SampledSlot slot = free[head];
            head = (head + 1) % free.length;
            count--;
            return slot;
        } finally {
            lock.unlock();
        }
    }

    private void giveSlot(SampledSlot slot, boolean first) {
        lock.lock();
        try {
            if (first) {
                head = (head + free.length - 1) % free.length;
            }
            free[first ? head : (head + count) % free.length] = slot;
            count++;
        } finally {
            lock.unlock();
        }
    }

    /// Sampled objects of a cache in use.
    long live(SlabCache cache) {
        long n = 0;
        for (SampledSlot slot : slots) {
            n += slot.isLive() && slot.cache == cache ? 1 : 0;
        }
        return n;
    }

    /// Names the sampled objects that a fault with this stack may have touched: the address is not
    /// known, so those come first whose own stacks have most frames in common with it, and of those
    /// the latest.
    void explain(StackTraceElement[] fault, StringBuilder out) {
        List<SampledSlot> used = new ArrayList<>();
        for (SampledSlot slot : slots) {
            if (slot.serial != 0) {
                used.add(slot);
            }
        }
        List<StackTraceElement> at = List.of(fault);
        used.sort(Comparator.comparingInt((SampledSlot s) -> -s.likeness(at))
                .thenComparingLong(s -> -s.serial));
        explain("use after free of", used.stream().filter(s -> !s.isLive()).toList(), out);
        explain("a step over an end of", used.stream().filter(SampledSlot::isLive).toList(), out);
    }

    private static void explain(String what, List<SampledSlot> some, StringBuilder out) {
        some.stream().limit(TOP).forEach(slot -> out.append("\n* ").append(what).append(' ')
                .append(slot).append(slot.describe().replace("\n", "\n  ")));
        if (some.size() > TOP) {
            out.append("\n* ").append(what).append(" one of ").append(some.size() - TOP)
                    .append(" others");
        }
    }

    /// Shows every sampled object that is charged to a group.
    void audit(ChargeAudit audit) {
        for (SampledSlot slot : slots) {
            slot.audit(audit);
        }
    }

    /// Checks the slots, and the pages around live objects. Only while nobody takes or gives.
    void verify() {
        int live = 0;
        for (SampledSlot slot : slots) {
            if (slot.isLive()) {
                live++;
                Check.that(pages.frames().owner(slot.run) == slot, "a slot's frame is another's");
                String damage = damage(slot);
                if (damage != null) {
                    throw findings.thrown(damage);
                }
            }
        }
        lock.lock();
        try {
            Check.that(live + count == slots.length, "a slot is neither free nor in use");
        } finally {
            lock.unlock();
        }
    }

    /// Gives the mappings back, once the pool's memory is closed and they are gone.
    void close() {
        budget.release(slots.length * MAPPINGS_A_SLOT);
    }
}
