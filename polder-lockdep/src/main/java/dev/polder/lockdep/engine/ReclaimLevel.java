package dev.polder.lockdep.engine;

/// What reclaim may do, as two bits that are FS and IO of a mask.
///
/// The pseudo-locks are levels: a callback that runs with FS holds `fs_reclaim`, one that has only
/// IO holds `io_reclaim`, one with neither holds `reclaim`. An allocation takes its own level and
/// all below it, because a callback may do with more bits whatever it was seen to do with fewer;
/// what it does only with more says nothing about fewer. Linux has the first level only (row K6).
public final class ReclaimLevel {
    /// Neither: the callback may take nothing but what nobody holds over an allocation.
    public static final int NONE = 0;

    /// IO.
    public static final int IO = 1;

    /// FS.
    public static final int FS = 2;

    /// FS and IO: an ordinary request.
    public static final int KERNEL = FS | IO;

    static final int COUNT = 3;

    private static final String[] NAMES = {"reclaim", "io_reclaim", "fs_reclaim"};

    private ReclaimLevel() {}

    /// The level that a callback with these bits runs at: 0, 1 or 2.
    static int held(int bits) {
        return (bits & FS) != 0 ? 2 : bits & IO;
    }

    /// Whether an allocation with these bits takes the level.
    static boolean takes(int bits, int level) {
        return level == 0 || (level == 1 && (bits & IO) != 0) || (level == 2 && (bits & FS) != 0);
    }

    static String name(int level) {
        return NAMES[level];
    }
}
