package dev.polder.cli.load;

import dev.polder.store.Transaction;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/// One merge: a shard's old segments come in the order of their keys and are unpacked side by side
/// in one buffer; those that have only numbers below a limit are dropped, the new numbers of each
/// trigram are appended to its last segment. What changed is packed behind and put, the rest stands
/// already.
///
/// ```
/// buffer:   numbers, 4 bytes each, of all segments  |  changed segments, packed
///           0                                          numberBytes
/// ```
final class MergePass {

    private static final ValueLayout.OfInt NUMBER = ValueLayout.JAVA_INT_UNALIGNED;

    private final MemorySegment buffer;
    private final int keepFrom;
    private final long[] added;             // trigram << 32 | number, ascending
    private int nextAdded;
    private long unpacked;                  // end of the numbers
    private long packed;                    // end of the packed segments

    // The segment that numbers are appended to.
    private int trigram = -1;
    private int first;
    private long begin;
    private int length;                     // packed
    private boolean open;
    private boolean changed;

    // What is to be put: key, and where it lies; an end of 0 says: to be deleted.
    private int count;
    private int[] keys = new int[2048];     // trigram, first
    private long[] places = new long[2048]; // begin, end

    /// @param buffer of [#bufferBytes]
    /// @param oldBytes bytes of the old segments
    /// @param keepFrom the least number that is still wanted
    /// @param added the new ones
    MergePass(MemorySegment buffer, long oldBytes, int keepFrom, long[] added) {
        this.buffer = buffer;
        this.keepFrom = keepFrom;
        this.added = added;
        this.packed = numberBytes(oldBytes, added.length);
    }

    /// A packed number takes a byte at least, so this is room for all numbers.
    private static long numberBytes(long oldBytes, int added) {
        return (oldBytes + added) * Integer.BYTES;
    }

    /// How large the buffer must be.
    static long bufferBytes(long oldBytes, int added) {
        return numberBytes(oldBytes, added) + oldBytes + (long) added * Postings.MAX_BYTES;
    }

    /// Takes the next old segment.
    void entry(byte[] key, byte[] value) {
        int t = Segment.trigram(key);
        if (t != trigram) {
            appendUpTo(t - 1);
        }
        close();
        begin = unpacked;
        Postings.Reader reader = new Postings.Reader(MemorySegment.ofArray(value), value.length);
        int last = 0;
        while (reader.next()) {
            last = reader.number();
            add(last);
        }
        trigram = t;
        first = Segment.first(key);
        length = value.length;
        if (last < keepFrom) {
            note(t, first, 0, 0);
            unpacked = begin;
        } else {
            open = true;
            changed = false;
        }
    }

    /// Takes no more old segments.
    void end() {
        appendUpTo(Trigrams.COUNT);
        close();
    }

    /// Appends the new numbers of all trigrams up to one.
    private void appendUpTo(int limit) {
        while (nextAdded < added.length && (int) (added[nextAdded] >>> 32) <= limit) {
            int t = (int) (added[nextAdded] >>> 32);
            int number = (int) added[nextAdded++];
            if (t != trigram || !open || length > Segment.MAX_BYTES - Postings.MAX_BYTES) {
                close();
                trigram = t;
                first = number;
                begin = unpacked;
                length = 0;
                open = true;
            }
            add(number);
            length += Postings.MAX_BYTES;
            changed = true;
        }
    }

    private void add(int number) {
        buffer.set(NUMBER, unpacked, number);
        unpacked += Integer.BYTES;
    }

    /// Ends the open segment; packs it if it changed.
    private void close() {
        if (open && changed) {
            long from = packed;
            int last = 0;
            for (long at = begin; at < unpacked; at += Integer.BYTES) {
                int number = buffer.get(NUMBER, at);
                packed = Postings.put(buffer, packed, last, number);
                last = number;
            }
            note(trigram, first, from, packed);
        }
        open = false;
        changed = false;
    }

    private void note(int t, int firstNumber, long from, long to) {
        if (2 * count == keys.length) {
            keys = Arrays.copyOf(keys, 2 * keys.length);
            places = Arrays.copyOf(places, 2 * places.length);
        }
        keys[2 * count] = t;
        keys[2 * count + 1] = firstNumber;
        places[2 * count] = from;
        places[2 * count + 1] = to;
        count++;
    }

    /// Puts every changed segment and deletes the dropped ones.
    void put(Transaction tx) {
        for (int i = 0; i < count; i++) {
            byte[] key = Segment.key(keys[2 * i], keys[2 * i + 1]);
            long from = places[2 * i];
            long to = places[2 * i + 1];
            if (to == 0) {
                tx.delete(key);
            } else {
                tx.putNative(key, buffer.asSlice(from, to - from));
            }
        }
    }
}
