package dev.polder.gfp;

/// What an allocation may do to be served: a set of bits in an `int` (the kernel's GFP masks).
///
/// Values are frozen, and are those of Linux 6.12, so that a mask in a kernel log can be compared.
/// Bits that mean something only inside a kernel (zones, DMA, mobility) do not exist here and are
/// refused.
///
/// Compare masks by the predicates of this class, never with `==` against a composite: a KERNEL
/// request narrowed to NOFS still blocks (rows A1-A9).
public final class Gfp {
    /// May dip into the reserve below the minimum watermark (`__GFP_HIGH`).
    public static final int HIGH = 0x20;

    /// Reclaim on this thread may start or wait for storage I/O (`__GFP_IO`).
    public static final int IO = 0x40;

    /// Reclaim on this thread may call consumers that take store, transaction or cache-structure
    /// locks (`__GFP_FS`).
    public static final int FS = 0x80;

    /// The memory is zeroed (`__GFP_ZERO`).
    public static final int ZERO = 0x100;

    /// May reclaim on this thread, and so may block. The only bit that decides about blocking (A6).
    public static final int DIRECT_RECLAIM = 0x400;

    /// Wakes background reclaim when memory is low (`__GFP_KSWAPD_RECLAIM`).
    public static final int KSWAPD_RECLAIM = 0x800;

    /// Failure is not reported (`__GFP_NOWARN`).
    public static final int NOWARN = 0x2000;

    /// Tries hard, but fails rather than choosing somebody to fail (`__GFP_RETRY_MAYFAIL`).
    public static final int RETRY_MAYFAIL = 0x4000;

    /// Never fails: waits for ever (`__GFP_NOFAIL`). Only with DIRECT_RECLAIM.
    public static final int NOFAIL = 0x8000;

    /// One round of reclaim, then failure (`__GFP_NORETRY`).
    public static final int NORETRY = 0x10000;

    /// Ignores the watermarks altogether (`__GFP_MEMALLOC`): for what frees memory soon.
    public static final int MEMALLOC = 0x20000;

    /// Never uses the reserve, not even in a noreclaim scope (`__GFP_NOMEMALLOC`). Beats MEMALLOC.
    public static final int NOMEMALLOC = 0x80000;

    /// Charged to the current memory group (`__GFP_ACCOUNT`).
    public static final int ACCOUNT = 0x400000;

    /// Says nothing to the lock checker (`__GFP_NOLOCKDEP`).
    public static final int NOLOCKDEP = 0x2000000;

    /// Both kinds of reclaim (`__GFP_RECLAIM`, A1).
    public static final int RECLAIM = DIRECT_RECLAIM | KSWAPD_RECLAIM;

    /// The ordinary request: may do everything, holds nothing (A2).
    public static final int KERNEL = RECLAIM | IO | FS;

    /// KERNEL, charged to the current memory group (A4).
    public static final int KERNEL_ACCOUNT = KERNEL | ACCOUNT;

    /// For who holds what an FS consumer would need: everything but FS (A2).
    public static final int NOFS = RECLAIM | IO;

    /// For who serves I/O: neither I/O nor FS (A2).
    public static final int NOIO = RECLAIM;

    /// Does not block; background reclaim is woken (A3).
    public static final int NOWAIT = KSWAPD_RECLAIM | NOWARN;

    /// Does not block and may use part of the reserve (A3).
    public static final int ATOMIC = HIGH | KSWAPD_RECLAIM;

    /// What a metadata allocation that serves a request takes over from it (GFP_RECLAIM_MASK, A9).
    public static final int RECLAIM_MASK = RECLAIM | HIGH | IO | FS | NOWARN | RETRY_MAYFAIL
            | NOFAIL | NORETRY | MEMALLOC | NOMEMALLOC | NOLOCKDEP;

    /// Every bit there is.
    public static final int ALL = RECLAIM_MASK | ZERO | ACCOUNT;

    private Gfp() {}

    /// Whether all of `bits` are in the mask.
    public static boolean has(int gfp, int bits) {
        return (gfp & bits) == bits;
    }

    /// The mask itself.
    ///
    /// @throws IllegalArgumentException naming the bits that do not exist
    public static int check(int gfp) {
        int unknown = gfp & ~ALL;
        if (unknown != 0) {
            throw unknownBits(gfp, unknown);
        }
        return gfp;
    }

    private static IllegalArgumentException unknownBits(int gfp, int unknown) {
        return new IllegalArgumentException("unknown bits 0x" + Integer.toHexString(unknown)
                + " in GFP mask 0x" + Integer.toHexString(gfp)
                + "; combine the constants of dev.polder.gfp.Gfp");
    }

    /// Whether a request with this mask may block: DIRECT_RECLAIM, and nothing else, decides
    /// (`gfpflags_allow_blocking`, A6).
    public static boolean allowsBlocking(int gfp) {
        return (check(gfp) & DIRECT_RECLAIM) != 0;
    }

    /// Whether a request with this mask may take the allocator's short locks
    /// (`gfpflags_allow_spinning`, A7): any reclaim bit.
    public static boolean allowsSpinning(int gfp) {
        return (check(gfp) & RECLAIM) != 0;
    }

    /// The mask for debug data allocated inside an allocator on behalf of a request
    /// (`gfp_nested_mask`, A8): never adds a reclaim bit, drops NOFAIL, ZERO and RETRY_MAYFAIL.
    public static int nestedMask(int gfp) {
        return (check(gfp) & (KERNEL | ATOMIC | NOLOCKDEP)) | NORETRY | NOMEMALLOC | NOWARN;
    }

    /// The mask in words, as the kernel prints masks (`%pGg`): "GFP_NOFS|__GFP_ZERO"; the empty
    /// mask is the empty string. NOLOCKDEP, which kernels without lockdep lack, by its own name.
    ///
    /// @throws IllegalArgumentException on unknown bits
    public static String toString(int gfp) {
        return GfpNames.toString(check(gfp));
    }

    /// The mask that the text names: `parse(toString(m)) == m` for every mask.
    ///
    /// Accepts the kernel's names joined by "|" and "&~", which binds tighter, as in C
    /// ("GFP_KERNEL&~__GFP_KSWAPD_RECLAIM"); "0" and the empty text; spaces around names.
    ///
    /// @throws IllegalArgumentException naming the word that is no mask
    public static int parse(String text) {
        return GfpNames.parse(text);
    }
}
