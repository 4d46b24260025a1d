package dev.polder.reclaim;

/// The little that reclaim asks of a zone: how much is free, and the marks it is measured against.
///
/// Implemented by an adapter that the page allocator hands in, so that reclaim sees the figures and
/// nothing else. All but [#tend] are called often, from any thread, with no lock held, and neither
/// block nor allocate. Units are frames.
public interface ReclaimZone {

    /// Whose frames these are: what a free here tells [dev.polder.task.Task#addReclaimed].
    Object frames();

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

    /// Asks the system for memory ahead of need and gives back what is idle: background reclaim's
    /// work, which may take some milliseconds.
    ///
    /// @param now the pool's time
    /// @return nanoseconds until it is due again; 0 if it will be [asked for][Kswapd#tend()]
    long tend(long now);
}
