package dev.polder.cli.load;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// What the index must hold, as far as it was acknowledged: the ranges of trigrams that a merge
/// rewrites (the shards), the numbers that each shard has, and a sum for each trigram.
///
/// A text gets a new number each time that it is merged: number n stands for text n modulo the
/// count of texts. A shard holds the numbers from `low` up to, not including, `high`.
final class Shards {

    private static final String FILE = "index.shards";

    /// Where shard s begins; one more than shards.
    final int[] begin;
    /// The shard's first number.
    final int[] low;
    /// The number after its last.
    final int[] high;
    /// Of each trigram, how many numbers it has.
    final int[] counts;
    /// Of each trigram, the sum of [Postings#mix] over them.
    final long[] sums;

    private Shards(int shards) {
        begin = new int[shards + 1];
        low = new int[shards];
        high = new int[shards];
        counts = new int[Trigrams.COUNT];
        sums = new long[Trigrams.COUNT];
    }

    /// Cuts the trigrams into ranges of about the same number of postings.
    ///
    /// @param postings of each trigram, about how many bytes
    /// @param target bytes that a shard should have
    static Shards cut(int[] postings, long target) {
        long total = 0;
        for (int p : postings) {
            total += p;
        }
        int count = (int) Math.max(1, Math.round((double) total / target));
        Shards shards = new Shards(count);
        long seen = 0;
        int next = 1;
        for (int trigram = 0; trigram < postings.length; trigram++) {
            seen += postings[trigram];
            if (next < count && seen >= total * next / count) {
                shards.begin[next++] = trigram + 1;
            }
        }
        while (next < count) {
            shards.begin[next++] = Trigrams.COUNT;
        }
        shards.begin[count] = Trigrams.COUNT;
        return shards;
    }

    /// How many there are.
    int count() {
        return low.length;
    }

    /// Writes them beside the stores.
    void write(Path folder) throws IOException {
        try (DataOutputStream out = new DataOutputStream(new java.io.BufferedOutputStream(
                Files.newOutputStream(folder.resolve(FILE))))) {
            out.writeInt(count());
            for (int s = 0; s < count(); s++) {
                out.writeInt(begin[s]);
                out.writeInt(low[s]);
                out.writeInt(high[s]);
            }
            for (int t = 0; t < Trigrams.COUNT; t++) {
                out.writeInt(counts[t]);
                out.writeLong(sums[t]);
            }
        }
    }

    /// Reads what [#write] wrote.
    static Shards read(Path folder) throws IOException {
        try (DataInputStream in = new DataInputStream(new java.io.BufferedInputStream(
                Files.newInputStream(folder.resolve(FILE))))) {
            Shards shards = new Shards(in.readInt());
            for (int s = 0; s < shards.count(); s++) {
                shards.begin[s] = in.readInt();
                shards.low[s] = in.readInt();
                shards.high[s] = in.readInt();
            }
            shards.begin[shards.count()] = Trigrams.COUNT;
            for (int t = 0; t < Trigrams.COUNT; t++) {
                shards.counts[t] = in.readInt();
                shards.sums[t] = in.readLong();
            }
            return shards;
        }
    }
}
