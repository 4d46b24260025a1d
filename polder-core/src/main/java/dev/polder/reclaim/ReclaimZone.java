package dev.polder.reclaim;

/// The little that reclaim asks of a zone: how much is free, and the marks it is measured against.
///
/// Implemented by an adapter that the page allocator hands in, so that reclaim sees the figures and
/// nothing else. All methods are called often, from any thread, with no lock held; they neither
/// block nor allocate. Units are frames.
public interface ReclaimZone {

    /// Frames free now.
    long freeFrames();

    /// The min watermark (row C1): below it only the entitled allocate.
    long minFrames();

    /// The low watermark: below it kswapd is woken.
    long lowFrames();

    /// The high watermark: kswapd works until it is met.
    long highFrames();

    /// Whether free memory is above high and a block of `order` is free.
    boolean balanced(int order);
}
