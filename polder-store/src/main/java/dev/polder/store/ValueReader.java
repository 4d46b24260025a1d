package dev.polder.store;

import java.lang.foreign.MemorySegment;

/// Takes a value in the pieces in which it lies in memory ([Store#get(byte\[\], ValueReader)]).
@FunctionalInterface
public interface ValueReader {
    /// Takes bytes `offset`… of a value of `length` bytes. The segment is read-only and good until
    /// this returns. Pieces come in order; offset 0 again means that the value was replaced
    /// meanwhile and comes anew.
    void chunk(MemorySegment bytes, long offset, long length);
}
