package dev.polder;

import java.util.List;

/// Figures of a pool, in bytes unless said otherwise; `/proc/meminfo` for one pool. They are read
/// one after the other while the pool works, so sums may be off by what happened meanwhile.
///
/// @param name the pool's name
/// @param mode `linux` or `portable`
/// @param budget what `PolderConfig.budget` said
/// @param total frames that can be handed out
/// @param free frames free for anybody, as the watermarks see them
/// @param listed free frames on lists near threads
/// @param min the min watermark
/// @param low the low watermark
/// @param high the high watermark
/// @param slab frames held by object caches
/// @param slabReclaimable frames of slabs without an object
/// @param vmalloc bytes of live vmalloc areas
/// @param vmallocLazy bytes of freed areas that are still mapped, for re-use
/// @param pageTables frames of vmalloc's page tables
/// @param committed frames with memory behind them, in use or ready for use; the rest of `total`
///     is asked of the system when it is needed
/// @param resident memory that the system has given: the memfd's blocks
/// @param heapTables Polder's tables on the Java heap, for frames and for the objects of slabs
/// @param mappingsUsed mappings that this process' pools use (a count)
/// @param mappingsLimit mappings that they may use (a count)
/// @param groups the memory groups, the root first, each before those below it
public record MemInfo(String name, String mode, long budget, long total, long free, long listed,
        long min, long low, long high, long slab, long slabReclaimable, long vmalloc,
        long vmallocLazy, long pageTables, long committed, long resident, long heapTables,
        int mappingsUsed, int mappingsLimit, List<GroupInfo> groups) {
    /// Bytes that callers and Polder's own structures hold.
    public long used() {
        return total - free - listed;
    }
}
