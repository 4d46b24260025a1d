package dev.polder.cli.load;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// Postings of one trigram: ascending numbers, each as its distance from the one before, in groups
/// of seven bits with the highest bit set where more follow.
///
/// A number is given to a text each time that it is merged into the index, so numbers only grow and
/// a merge appends at the end and drops at the beginning.
final class Postings {

    /// Bytes that one number takes at most.
    static final int MAX_BYTES = 5;

    private Postings() {}

    /// Reads numbers one after the other.
    static final class Reader {
        private final MemorySegment in;
        private final long end;
        private long at;
        private int number;

        /// @param in postings
        /// @param end where they end; they begin at 0
        Reader(MemorySegment in, long end) {
            this.in = in;
            this.end = end;
        }

        /// Whether there is another number; then it is [#number].
        boolean next() {
            if (at >= end) {
                return false;
            }
            int shift = 0;
            int distance = 0;
            byte b;
            do {
                b = in.get(ValueLayout.JAVA_BYTE, at++);
                distance |= (b & 0x7f) << shift;
                shift += 7;
            } while (b < 0);
            number += distance;
            return true;
        }

        /// The number read last.
        int number() {
            return number;
        }

        /// Where the next number begins.
        long at() {
            return at;
        }
    }

    /// Writes a number.
    ///
    /// @param before the number before it, 0 for the first
    /// @return the offset behind it
    static long put(MemorySegment out, long at, int before, int number) {
        assert number >= before : number + " after " + before;
        int rest = number - before;
        long to = at;
        while (rest >= 0x80) {
            out.set(ValueLayout.JAVA_BYTE, to++, (byte) (rest | 0x80));
            rest >>>= 7;
        }
        out.set(ValueLayout.JAVA_BYTE, to++, (byte) rest);
        return to;
    }

    /// What a number adds to a trigram's sum. The sum over a set of numbers tells the set, whatever
    /// the order in which they came.
    static long mix(int number) {
        long z = number * 0x9E3779B97F4A7C15L;
        z = (z ^ z >>> 30) * 0xBF58476D1CE4E5B9L;
        return z ^ z >>> 27;
    }
}
