package dev.polder.gfp;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/// What is allowed to anybody in this process at the moment (the kernel's gfp_allowed_mask, A13).
///
/// Linux forbids IO and FS to everybody while the machine suspends, because storage is gone. A JVM
/// program is in the same place around a checkpoint of its whole process (CRaC), while a disk is
/// remounted, or in an orderly shutdown after the stores have closed. The page allocator ANDs every
/// request with this mask before it looks at scopes. Only the abilities to reclaim, to do I/O and
/// to enter consumers can be taken away.
public final class AllowedMask {
    /// The bits that can be forbidden.
    public static final int FORBIDDABLE = Gfp.RECLAIM | Gfp.IO | Gfp.FS;

    private static volatile int allowed = Gfp.ALL;

    private static final VarHandle ALLOWED = allowedHandle();

    private AllowedMask() {}

    /// The mask that every request is ANDed with.
    public static int get() {
        return allowed;
    }

    /// The request's mask, without what is forbidden now.
    public static int apply(int gfp) {
        return gfp & allowed;
    }

    /// Forbids the bits to everybody until the result is given to `restore` (pm_restrict_gfp_mask).
    ///
    /// @param bits some of `FORBIDDABLE`
    /// @return the bits that this call newly forbade
    public static int forbid(int bits) {
        if ((bits & ~FORBIDDABLE) != 0) {
            throw new IllegalArgumentException("only " + Gfp.toString(FORBIDDABLE)
                    + " can be forbidden, not " + Gfp.toString(Gfp.check(bits)));
        }
        return bits & (int) ALLOWED.getAndBitwiseAnd(~bits);
    }

    /// Allows again what a `forbid` forbade (pm_restore_gfp_mask).
    ///
    /// @param forbidden the result of `forbid`
    public static void restore(int forbidden) {
        ALLOWED.getAndBitwiseOr(forbidden & FORBIDDABLE);
    }

    /// Whether storage is away: then the out-of-memory policy chooses nobody (A13, D15).
    public static boolean storageSuspended() {
        return !Gfp.has(allowed, Gfp.IO | Gfp.FS);
    }

    private static VarHandle allowedHandle() {
        try {
            return MethodHandles.lookup()
                    .findStaticVarHandle(AllowedMask.class, "allowed", int.class);
        } catch (NoSuchFieldException | IllegalAccessException impossible) {
            throw new ExceptionInInitializerError(impossible);
        }
    }
}
