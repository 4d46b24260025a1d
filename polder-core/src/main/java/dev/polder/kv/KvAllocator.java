package dev.polder.kv;

import dev.polder.base.Frames;
import dev.polder.gfp.FsReclaim;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.PolderEvents;
import dev.polder.slab.Kmalloc;
import dev.polder.stat.VmStat;
import dev.polder.stat.VmStat.Item;
import dev.polder.vmalloc.Vmalloc;
import java.util.concurrent.atomic.AtomicBoolean;

/// Memory of any size: physically contiguous if that needs no effort, else a vmalloc area. The
/// kernel's `kvmalloc` and `kvfree`.
///
/// Any mask is taken, NOFS, NOIO and NOFAIL too, and any thread may free what another allocated.
public final class KvAllocator {
    /// Up to here, 4 KiB, vmalloc could only waste an address range (row I1).
    static final long ALWAYS_KMALLOC = Frames.SIZE;
    /// Above this no request is meant (I4): the kernel's `INT_MAX`.
    static final long MAX_SIZE = Integer.MAX_VALUE;

    private final Kmalloc kmalloc;
    private final Vmalloc vmalloc;
    private final VmStat stat;
    private final AtomicBoolean warned = new AtomicBoolean();

    /// The two allocators of one pool together.
    public KvAllocator(Kmalloc kmalloc, Vmalloc vmalloc) {
        this.kmalloc = kmalloc;
        this.vmalloc = vmalloc;
        this.stat = vmalloc.stat();
    }

    /// Takes `size` bytes.
    ///
    /// Up to a frame this is `kmalloc` with the caller's mask. Above, one silent try that neither
    /// reclaims nor insists (with RETRY_MAYFAIL: that does reclaim), then `vmalloc` with the
    /// caller's own mask. Holds no lock while it asks for memory or waits.
    ///
    /// @param size in bytes; 0 gives an address that may be freed but not touched, more than 2 GiB
    ///     is a shortage, also with NOFAIL (I4)
    /// @param gfp a set of [Gfp] bits
    /// @return the address, or 0 for shortage
    /// @throws IllegalArgumentException if `size` is negative or `gfp` has unknown bits
    /// @throws IllegalStateException if the pool is closed, also while it waits
    public long alloc(long size, int gfp) {
        if (size <= ALWAYS_KMALLOC) {
            return kmalloc.alloc(size, gfp);
        }
        long kept = kmalloc.takeKept(size, gfp);
        if (kept != 0) {
            return kept;
        }
        // The first try may not reclaim, so nobody would hear of a request that it serves (K3).
        FsReclaim.mightAlloc(Gfp.check(gfp), vmalloc.reclaimer());
        long address = kmalloc.alloc(size, firstTry(gfp));
        if (address == 0) {
            return allocAfterFirstTry(size, gfp);
        }
        vmalloc.payForHigh(gfp);
        return address;
    }

    /// The mask of the first try (I2, `kmalloc_gfp_adjust`). The KSWAPD bit stays, so that
    /// background reclaim is woken for a run of this size.
    static int firstTry(int gfp) {
        int mask = (gfp | Gfp.NOWARN) & ~Gfp.NOFAIL;
        return (gfp & Gfp.RETRY_MAYFAIL) != 0 ? mask : mask & ~Gfp.DIRECT_RECLAIM;
    }

    private long allocAfterFirstTry(long size, int gfp) {
        if (size > MAX_SIZE) {
            if ((gfp & Gfp.NOWARN) == 0 && !warned.getAndSet(true)) {
                PolderEvents.reporter().trouble("", "kvmalloc of " + size
                        + " bytes refused: at most " + MAX_SIZE + " can be asked for", null);
            }
            return 0;
        }
        long address = vmalloc.alloc(size, gfp);
        if (address != 0) {
            stat.add(Item.KVMALLOC_FALLBACK);
        }
        return address;
    }

    /// Gives memory back. Goes by the address, not by the size (I7). Never allocates from the pool,
    /// waits or calls a consumer.
    ///
    /// @param address what [#alloc], `kmalloc` or `vmalloc` returned; 0 does nothing
    /// @throws IllegalArgumentException if it is not in use; the message says what it is
    public void free(long address) {
        if (!kmalloc.tryFree(address)) {
            if (vmalloc.inRange(address)) {
                vmalloc.free(address);
            } else {
                kmalloc.free(address);
            }
        }
    }

    /// Gives memory back if `size` bytes were asked for; false, and nothing changed, if it was
    /// another size.
    ///
    /// @throws IllegalArgumentException if `address` is not in use; the message says what it is
    public boolean free(long address, long size) {
        if (kmalloc.tryFree(address, size)) {
            return true;
        }
        if (!vmalloc.inRange(address)) {
            return kmalloc.free(address, size);
        }
        if (vmalloc.requestedSize(address) != size) {
            return false;
        }
        vmalloc.free(address);
        return true;
    }

    /// Records `size` as what was asked for, if the memory has room for it where it lies and would
    /// be taken of the same kind now; else false, and nothing changed.
    ///
    /// @throws IllegalArgumentException if `address` is not in use, or `size` is negative
    public boolean resize(long address, long size) {
        return !vmalloc.inRange(address) && kmalloc.resize(address, size);
    }

    /// True if `address` lies where vmalloc's areas are.
    public boolean isVmalloc(long address) {
        return vmalloc.inRange(address);
    }

    /// The size that was asked for.
    ///
    /// @throws IllegalArgumentException if `address` is not in use
    public long requestedSize(long address) {
        return vmalloc.inRange(address) ? vmalloc.requestedSize(address)
                : kmalloc.requestedSize(address);
    }

    /// Walks every invariant of both. Only while nobody allocates or frees.
    public void verify() {
        kmalloc.verify();
        vmalloc.verify();
    }
}
