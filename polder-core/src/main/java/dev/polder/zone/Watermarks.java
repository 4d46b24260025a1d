package dev.polder.zone;

/// The three marks against which free frames are held, in frames. row C1:
/// `calculate_min_free_kbytes`, `__setup_per_zone_wmarks`.
///
/// Below `low` kswapd is woken; it works until `high` is met; an ordinary request fails at `min`.
///
/// @param min what ordinary requests must leave
/// @param low where background reclaim starts, and what the fast path must leave
/// @param high where background reclaim stops
public record Watermarks(long min, long low, long high) {
    /// Smallest `min_free_kbytes`, as in the kernel.
    private static final long MIN_FREE_KIB_FLOOR = 128;
    /// Largest `min_free_kbytes`, as in the kernel.
    private static final long MIN_FREE_KIB_CEILING = 262_144;
    /// KiB in a frame.
    private static final long KIB_PER_FRAME = 4;
    /// `watermark_scale_factor`: the gap between marks in ten-thousandths of the pool.
    private static final long SCALE_FACTOR = 10;
    private static final long SCALE_UNIT = 10_000;

    /// The marks must rise.
    public Watermarks {
        if (min < 0 || low < min || high < low) {
            throw new IllegalArgumentException(
                    "watermarks must rise: min=" + min + " low=" + low + " high=" + high);
        }
    }

    /// Marks of a pool of `managed` frames.
    public static Watermarks of(long managed) {
        long kib = managed * KIB_PER_FRAME;
        long minKib = Math.clamp(isqrt(kib * 16), MIN_FREE_KIB_FLOOR, MIN_FREE_KIB_CEILING);
        return ofMin(managed, minKib / KIB_PER_FRAME);
    }

    /// Marks of a pool of `managed` frames whose `min` is given (`vm.min_free_kbytes` set by hand).
    public static Watermarks ofMin(long managed, long min) {
        long gap = Math.max(min / 4, managed * SCALE_FACTOR / SCALE_UNIT);
        return new Watermarks(min, min + gap, min + 2 * gap);
    }

    /// What remains of `mark` for a request that may use reserves, in C4's order and in integer
    /// arithmetic: HIGH takes half, HIGH and non-blocking another quarter of the rest.
    ///
    /// @param mark the mark in frames
    /// @param high the request carries `__GFP_HIGH`
    /// @param nonBlocking the request may not block and did not opt out with NOMEMALLOC
    public static long reduced(long mark, boolean high, boolean nonBlocking) {
        long left = mark;
        if (high) {
            left -= left / 2;
            if (nonBlocking) {
                left -= left / 4;
            }
        }
        return left;
    }

    /// Largest r with r·r ≤ n (`int_sqrt`).
    private static long isqrt(long n) {
        long r = (long) Math.sqrt((double) n);
        while (r * r > n) {
            r--;
        }
        while ((r + 1) * (r + 1) <= n) {
            r++;
        }
        return r;
    }
}
