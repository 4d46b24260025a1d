package dev.polder.cli.load;

import dev.polder.cli.input.Corpus;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// The first index of all texts, built on the heap in one pass: text n has number n.
final class IndexBuilder {

    private final byte[] @Nullable [] postings = new byte[Trigrams.COUNT][];
    private final int[] length = new int[Trigrams.COUNT];
    private final int[] last = new int[Trigrams.COUNT];
    private final int[] counts = new int[Trigrams.COUNT];
    private final long[] sums = new long[Trigrams.COUNT];
    private final int texts;

    IndexBuilder(Corpus corpus) {
        texts = corpus.count();
        Trigrams trigrams = new Trigrams();
        for (int text = 0; text < texts; text++) {
            int n = trigrams.gather(corpus.text(text));
            for (int i = 0; i < n; i++) {
                add(trigrams.get(i), text);
            }
        }
    }

    private void add(int trigram, int number) {
        byte[] bytes = postings[trigram];
        if (bytes == null) {
            bytes = new byte[16];
            postings[trigram] = bytes;
        } else if (bytes.length < length[trigram] + Postings.MAX_BYTES) {
            bytes = Arrays.copyOf(bytes, bytes.length * 2);
            postings[trigram] = bytes;
        }
        length[trigram] = (int) Postings.put(MemorySegment.ofArray(bytes), length[trigram],
                last[trigram], number);
        last[trigram] = number;
        counts[trigram]++;
        sums[trigram] += Postings.mix(number);
    }

    /// Cuts the trigrams into shards of about so many bytes of leaves, and enters what each holds.
    Shards shards(long targetBytes) {
        Shards shards = Shards.cut(
                Arrays.stream(length).map(Segment::leafBytes).toArray(), targetBytes);
        System.arraycopy(counts, 0, shards.counts, 0, counts.length);
        System.arraycopy(sums, 0, shards.sums, 0, sums.length);
        for (int s = 0; s < shards.count(); s++) {
            shards.high[s] = texts;
        }
        return shards;
    }

    /// A trigram's postings.
    byte[] postings(int trigram) {
        byte[] bytes = postings[trigram];
        return bytes == null ? new byte[0] : Arrays.copyOf(bytes, length[trigram]);
    }
}
