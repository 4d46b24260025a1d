package dev.polder.slab;

import dev.polder.base.Check;
import dev.polder.base.Frames;
import dev.polder.page.PageAllocator;
import dev.polder.zone.FrameTable;

/// Says what an address is, for the message of a wrong free. Runs on the failure path only, beside
/// whatever other threads do: its answer may be out of date.
record AddressDescription(Slabs slabs, PageAllocator pages) {

    /// What it is, and in debug mode who used it.
    String describe(long address) {
        SlabDebug debug = slabs.debug();
        return debug == null ? what(address) : what(address)
                + debug.describe(slabs.slabAt(address), address);
    }

    private String what(long address) {
        if (address == pages.memory().zeroSentinel()) {
            return "is what an allocation of 0 bytes returns";
        }
        long pfn = pages.pfnOf(address);
        Kfence kfence = slabs.kfence();
        SampledSlot slot = kfence == null ? null : kfence.slotAt(address);
        if (slot != null) {
            return (slot.object == address ? "is " : "lies on the page of, or behind, ") + slot
                    + slot.describe();
        }
        if (pfn < 0) {
            return address >= pages.memory().vmallocStart() && address < pages.memory().vmallocEnd()
                    ? "lies in the vmalloc range of this pool"
                    : "is no address of this pool";
        }
        FrameTable frames = pages.frames();
        Object owner = frames.owner(pfn);
        if (owner instanceof Slab slab) {
            return describe(slab, address);
        }
        if (owner instanceof LargeObjects large) {
            return describe(large, pages.address(pfn), address);
        }
        SlabDebug debug = slabs.debug();
        if (debug != null && debug.isFreedRun(owner)) {
            return "is a large object of kmalloc, freed already and in quarantine";
        }
        if (owner != null) {
            return "lies in a frame of " + owner;
        }
        long head = headOf(frames, pfn);
        if (head > 0 && frames.owner(head) instanceof LargeObjects large) {
            return describe(large, pages.address(head), address);
        }
        if (head > 0) {
            return "lies in a run of pages (frame " + head + ", order " + frames.order(head) + ")";
        }
        return "is not in use: its frame is " + frames.describe(pfn);
    }

    private static String describe(Slab slab, long address) {
        int index = slab.indexAround(address);
        if (index < 0) {
            return "lies in the unused rest of a slab of " + slab.cache;
        }
        long start = slab.addressOf(index);
        String what = "a " + slab.cache.objectSize() + "-byte object of cache " + slab.cache.name();
        if (start != address) {
            return "is inside " + what + " that starts at " + Check.hex(start)
                    + "; pass the address that alloc returned";
        }
        return "is " + what + ", " + slab.cache.describeState(slab.use(index));
    }

    private static String describe(LargeObjects large, long start, long address) {
        int size = large.requested(start);
        if (size == 0) {
            return "is not in use: it lies in a free run that kmalloc keeps";
        }
        String what = "an object of " + size + " bytes that kmalloc took as pages";
        return start == address ? "is " + what
                : "is inside " + what + ", which starts at " + Check.hex(start)
                        + "; pass the address that alloc returned";
    }

    /// Head of the used run around `pfn`, or 0.
    private static long headOf(FrameTable frames, long pfn) {
        for (int order = 0; order <= Frames.MAX_ORDER; order++) {
            long head = pfn & -(1L << order);
            if (head > 0 && frames.isHead(head) && head + (1L << frames.order(head)) > pfn) {
                return head;
            }
        }
        return 0;
    }
}
