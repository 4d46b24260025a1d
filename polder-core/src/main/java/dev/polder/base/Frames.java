package dev.polder.base;

/// The frame, Polder's unit of memory (the kernel's page), and the orders in which runs of
/// frames are handed out.
///
/// A frame is 4 KiB on every machine; a run of order `n` is `1 << n` frames, aligned to its own
/// size in the linear map.
public final class Frames {
    /// Binary logarithm of the frame size (the kernel's `PAGE_SHIFT`).
    public static final int SHIFT = 12;
    /// Bytes in a frame (the kernel's `PAGE_SIZE`).
    public static final long SIZE = 1L << SHIFT;
    /// The largest order that the page allocator hands out: 4 MiB (the kernel's `MAX_PAGE_ORDER`).
    public static final int MAX_ORDER = 10;
    /// Requests above this order may fail although memory could be freed (row D10).
    public static final int COSTLY_ORDER = 3;

    private Frames() {}

    /// Frames needed to hold `bytes` bytes; 0 for 0.
    ///
    /// @throws IllegalArgumentException if `bytes` is negative
    public static long count(long bytes) {
        if (bytes < 0) {
            throw new IllegalArgumentException("negative size: " + bytes);
        }
        // Shift before rounding up: bytes + SIZE - 1 would overflow near Long.MAX_VALUE.
        return (bytes >>> SHIFT) + ((bytes & (SIZE - 1)) != 0 ? 1 : 0);
    }

    /// The smallest order whose run holds `bytes` bytes (the kernel's `get_order`); 0 for 0. The
    /// result may exceed [#MAX_ORDER].
    ///
    /// @throws IllegalArgumentException if `bytes` is negative
    public static int orderFor(long bytes) {
        long frames = count(bytes);
        return frames <= 1 ? 0 : Long.SIZE - Long.numberOfLeadingZeros(frames - 1);
    }

    /// Bytes in `frames` frames.
    public static long bytes(long frames) {
        return frames << SHIFT;
    }

    /// The largest order not above [#MAX_ORDER] whose run fits into `frames` frames, `frames >= 1`.
    public static int orderWithin(long frames) {
        assert frames >= 1 : frames;
        return Math.min(MAX_ORDER, Long.SIZE - 1 - Long.numberOfLeadingZeros(frames));
    }

    /// True if `address` or `bytes` is a multiple of the frame size.
    public static boolean aligned(long addressOrBytes) {
        return (addressOrBytes & (SIZE - 1)) == 0;
    }
}
