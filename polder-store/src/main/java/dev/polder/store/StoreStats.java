package dev.polder.store;

/// Figures of a store, each read for itself: together they are no instant.
///
/// @param name the store's name
/// @param hits pages found in the cache
/// @param misses pages read from the disk
/// @param evictions pages that reclaim took
/// @param framesHeld frames of the pool that the cache holds
/// @param nodes structured pages in the cache, each with its node in the slab
/// @param dirtyPages durable in the journal, not in place
/// @param loggedPages changed by transactions that are not durable
/// @param commits commit groups written
/// @param transactions transactions in them
/// @param aborts transactions dropped
/// @param bytesRead from the data file
/// @param bytesWritten to data file and journal
/// @param checkpoints made
/// @param stalls waits for the write lock, a commit, journal space or writeback
/// @param stallNanos time in them
/// @param scanStops scans that answered STOP: a mask, a lock, a commit was in the way
/// @param commitWaitsInScan scans that waited for a commit
/// @param reentries times that reclaim sent a handle's holder into its own journal again
/// @param keys keys in the store
/// @param pagesAllocated pages of the file in use, as of the last transaction
public record StoreStats(String name, long hits, long misses, long evictions, long framesHeld,
        long nodes, long dirtyPages, long loggedPages, long commits, long transactions, long aborts,
        long bytesRead, long bytesWritten, long checkpoints, long stalls, long stallNanos,
        long scanStops, long commitWaitsInScan, long reentries, long keys, long pagesAllocated) {
}
