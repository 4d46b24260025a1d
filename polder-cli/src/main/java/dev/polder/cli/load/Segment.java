package dev.polder.cli.load;

import java.nio.ByteBuffer;

/// The index's keys. A trigram's postings are cut into segments that stand in a leaf of the store's
/// tree; a segment's key is the trigram in three bytes and the segment's first number in four.
final class Segment {

    /// With its key a segment of this length still stands in a leaf.
    static final int MAX_BYTES = 960;

    /// What a segment takes in a leaf beside its postings: key, head of the cell, slot.
    static final int OVERHEAD = 15;

    private static final int KEY_BYTES = 7;

    private Segment() {}

    /// The key of a segment.
    static byte[] key(int trigram, int first) {
        return ByteBuffer.allocate(KEY_BYTES).put(Trigrams.key(trigram)).putInt(first).array();
    }

    /// The trigram of a segment's key.
    static int trigram(byte[] key) {
        return Trigrams.of(key);
    }

    /// The first number of a segment's key.
    static int first(byte[] key) {
        return ByteBuffer.wrap(key).getInt(3);
    }

    /// About how many bytes of leaves postings of this length take.
    static int leafBytes(int length) {
        return length + (length + MAX_BYTES - 1) / MAX_BYTES * OVERHEAD;
    }
}
