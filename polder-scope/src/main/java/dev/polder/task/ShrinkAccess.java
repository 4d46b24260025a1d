package dev.polder.task;

import org.jspecify.annotations.Nullable;

/// Lets the reclaim code of `dev.polder.core` drive a `ShrinkControl`, whose setters no shrinker
/// may see.
///
/// The control is passed as `Object`, because its class lies above this package. One control
/// belongs to one reclaiming thread and is used again for the next shrinker.
public abstract class ShrinkAccess {
    private static volatile @Nullable ShrinkAccess instance;

    /// For the one implementation, inside `ShrinkControl`.
    protected ShrinkAccess() {}

    /// The access, installed when `ShrinkControl` is initialised.
    public static ShrinkAccess get() {
        ShrinkAccess access = instance;
        if (access == null) {
            try {
                Class.forName(
                        "dev.polder.shrinker.ShrinkControl",
                        true,
                        ShrinkAccess.class.getClassLoader());
            } catch (ClassNotFoundException incomplete) {
                throw new IllegalStateException("polder-scope is incomplete", incomplete);
            }
            access = instance;
            if (access == null) {
                throw new IllegalStateException("ShrinkControl installed no access");
            }
        }
        return access;
    }

    /// Called once, from `ShrinkControl`'s static initialiser.
    public static void install(ShrinkAccess access) {
        if (instance != null) {
            throw new IllegalStateException("the access to ShrinkControl is installed already");
        }
        instance = access;
    }

    /// A new control for one reclaiming thread.
    public abstract Object create();

    /// Prepares the control for one shrinker: the effective mask, whether its scan may wait,
    /// whether this is background reclaim, and the memory group (0 for all).
    public abstract void begin(
            Object control, int gfp, boolean mayWait, boolean background, long groupId);

    /// Prepares one scan call: sets the number to scan, and presets the number scanned to it (F6).
    public abstract void request(Object control, long toScan);

    /// What the last scan call left as scanned.
    public abstract long scanned(Object control);
}
