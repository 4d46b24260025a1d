package dev.polder.store.watch;

import dev.polder.gfp.Gfp;
import org.jspecify.annotations.Nullable;

/// What one thread does in a store just now: the allocation that it makes and the shrinker that it
/// was sent into. Read by the thread itself when it begins to wait ([Waits#begin]).
///
/// An allocation can lead into a scan, a scan makes none (R3), so that one field each is enough.
/// Only the owner touches its object: plain fields, no lock.
public final class Activity {
    private static final ThreadLocal<Activity> CURRENT = ThreadLocal.withInitial(Activity::new);

    private @Nullable String kind;
    private long bytes;
    private int gfp;
    private @Nullable String scan;

    private Activity() {}

    /// The current thread's.
    public static Activity current() {
        return CURRENT.get();
    }

    /// Says that an allocation begins.
    ///
    /// @param what what is asked for: a constant, no text is built here
    public void allocating(String what, long size, int mask) {
        kind = what;
        bytes = size;
        gfp = mask;
    }

    /// Says that the allocation ended.
    public void allocated() {
        kind = null;
    }

    /// Says that this thread is inside the named shrinker's scan, or no longer (null).
    public void scanning(@Nullable String shrinker) {
        scan = shrinker;
    }

    @Nullable String scan() {
        return scan;
    }

    @Nullable String allocation() {
        String k = kind;
        return k == null ? null : k + " " + size(bytes) + " " + Gfp.toString(gfp);
    }

    private static String size(long bytes) {
        if (bytes >= 1 << 20) {
            return String.format("%.1f MiB", bytes / (double) (1 << 20));
        }
        return bytes >= 1 << 10 ? (bytes >> 10) + " KiB" : bytes + " B";
    }
}
