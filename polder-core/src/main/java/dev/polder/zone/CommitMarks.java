package dev.polder.zone;

import dev.polder.base.Frames;

/// Between which marks the free memory of a pool is kept that the system has backed already, in
/// frames.
///
/// @param ahead below it, background reclaim asks the system for more before a request has to
/// @param keep above it, what nobody has needed for a while goes back
public record CommitMarks(long ahead, long keep) {
    /// Nothing ahead of need, and nothing back.
    public static final CommitMarks NONE = new CommitMarks(0, Long.MAX_VALUE);

    /// The least that is kept: what is less than 64 MiB is no gain for the system.
    private static final long KEEP_FLOOR = (64L << 20) / Frames.SIZE;
    /// The pool's share that is kept: an eighth.
    private static final long KEEP_SHARE = 8;
    /// The pool's share that is ready ahead: a thirty-second, so a quarter of what is kept.
    private static final long AHEAD_SHARE = 32;
    /// The most that is ready ahead, 64 MiB: more than background reclaim can back while one
    /// thread fills it is of no use.
    private static final long AHEAD_CEILING = (64L << 20) / Frames.SIZE;

    /// What is asked for ahead is not given back at once.
    public CommitMarks {
        if (ahead < 0 || keep < ahead) {
            throw new IllegalArgumentException(
                    "commit marks must rise: ahead=" + ahead + " keep=" + keep);
        }
    }

    /// Marks of a pool of `frames` frames. A small pool asks for memory when a request needs it:
    /// ahead is in whole blocks of the largest order.
    public static CommitMarks of(long frames) {
        return ofKeep(frames, Math.max(KEEP_FLOOR, frames / KEEP_SHARE));
    }

    /// Marks of a pool of `frames` frames that keeps `keep` of them; it never has more ahead.
    public static CommitMarks ofKeep(long frames, long keep) {
        long ahead = Math.min(keep, Math.min(AHEAD_CEILING, frames / AHEAD_SHARE));
        return new CommitMarks(ahead & -CommitBlocks.FRAMES, keep);
    }
}
