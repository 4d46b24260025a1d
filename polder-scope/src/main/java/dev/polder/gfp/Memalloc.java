package dev.polder.gfp;

import dev.polder.task.Task;

/// Scopes in the kernel's own shape: `save` gives a token, `restore` takes it (memalloc_nofs_save
/// and its family, rows B1-B8). For code that is ported from, or must behave exactly like, Linux;
/// everybody else uses `MemallocScope`.
///
/// A token holds the bits that this call newly set, and a restore clears exactly those. Crossed
/// tokens (given back out of order, twice, or to another family) do what the kernel does, silently
/// there; here each is reported once through `PolderEvents`. No save or restore ever throws.
///
/// Calls act on the current thread, platform or virtual, from any context; noreclaim must not be
/// used on threads that may neither block nor reclaim (B12).
public final class Memalloc {
    static {
        Wiring.touch();
    }

    private Memalloc() {}

    /// Enters a NOFS scope: allocations lose FS until `nofsRestore`.
    ///
    /// @return the token
    public static int nofsSave() {
        return Task.current().saveRaw(Task.NOFS, Places.site("Memalloc.nofsSave"));
    }

    /// Leaves the NOFS scope that gave the token.
    public static void nofsRestore(int token) {
        Task.current().restoreRaw(Task.NOFS, token);
    }

    /// Enters a NOIO scope: allocations lose IO and FS until `noioRestore`.
    ///
    /// @return the token
    public static int noioSave() {
        return Task.current().saveRaw(Task.NOIO, Places.site("Memalloc.noioSave"));
    }

    /// Leaves the NOIO scope that gave the token.
    public static void noioRestore(int token) {
        Task.current().restoreRaw(Task.NOIO, token);
    }

    /// Enters a noreclaim scope: no direct reclaim, and full use of the reserve, until
    /// `noreclaimRestore` (B8). The mask is not edited.
    ///
    /// @return the token
    public static int noreclaimSave() {
        return Task.current().saveRaw(Task.NORECLAIM, Places.site("Memalloc.noreclaimSave"));
    }

    /// Leaves the noreclaim scope that gave the token.
    public static void noreclaimRestore(int token) {
        Task.current().restoreRaw(Task.NORECLAIM, token);
    }

    /// The mask as the current thread's scopes leave it (current_gfp_context, B5): in a NOIO scope
    /// without IO and FS, else in a NOFS scope without FS. Never adds a bit, never touches another
    /// (B6), so mask and scope combine in any order (B7).
    ///
    /// @throws IllegalArgumentException on unknown bits
    public static int effective(int gfp) {
        return narrow(Gfp.check(gfp), Task.current().flags());
    }

    /// As `effective`, for a scope word that is at hand.
    ///
    /// @param flags the bits of `Task.flags()`
    static int narrow(int gfp, int flags) {
        if ((flags & Task.NOIO) != 0) {
            return gfp & ~(Gfp.IO | Gfp.FS);
        }
        if ((flags & Task.NOFS) != 0) {
            return gfp & ~Gfp.FS;
        }
        return gfp;
    }
}
