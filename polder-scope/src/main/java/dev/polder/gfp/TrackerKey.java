package dev.polder.gfp;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MutableCallSite;
import org.jspecify.annotations.Nullable;

/// The tracker as a constant of compiled code: what a static key (`static_branch_unlikely`) is to
/// the kernel's tracepoints.
///
/// Notes
///
/// Without a tracker the compiler sees null and leaves out what asks for it; with one it knows
/// whose methods are called. Installing another makes the machine code that relies on it invalid,
/// which costs what loading a class may cost, and happens once in a process.
final class TrackerKey {
    private static final MutableCallSite SITE = new MutableCallSite(constant(null));
    private static final MethodHandle TRACKER = SITE.dynamicInvoker();

    static {
        // Links the call below, so that no announcement has to
        get();
    }

    private TrackerKey() {}

    /// The tracker that is installed, or null.
    static FsReclaim.@Nullable Tracker get() {
        try {
            return (FsReclaim.@Nullable Tracker) TRACKER.invokeExact();
        } catch (Throwable e) {
            throw new AssertionError("a constant threw", e);
        }
    }

    /// Replaces it, for every thread.
    static void set(FsReclaim.@Nullable Tracker tracker) {
        SITE.setTarget(constant(tracker));
        MutableCallSite.syncAll(new MutableCallSite[] {SITE});
    }

    private static MethodHandle constant(FsReclaim.@Nullable Tracker tracker) {
        return MethodHandles.constant(FsReclaim.Tracker.class, tracker);
    }
}
