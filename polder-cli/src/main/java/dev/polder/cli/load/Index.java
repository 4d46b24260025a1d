package dev.polder.cli.load;

import dev.polder.cli.input.Corpus;
import dev.polder.store.Store;
import dev.polder.store.Transaction;
import dev.polder.store.ValueBuffer;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.stream.IntStream;

/// The index store: trigram → postings. A merge brings the next batch of texts into one shard, in
/// one transaction, and drops the oldest, so that the index keeps its size.
final class Index {

    /// A shard has at most so many bytes in the leaves of the store. Unpacked, with what a batch
    /// adds, it takes a buffer of 5 to 16 MiB.
    private static final long MAX_SHARD = 11L << 18;

    /// A merge reads the leaves of a shard, changes many of them and keeps the old ones until its
    /// commit, in a third of the budget if need be.
    private static final int SHARDS_IN_BUDGET = 40;

    /// So many trigrams go into one transaction while the store is filled.
    private static final int FILL = 1 << 9;

    private static final long MIN_BUFFER = 5L << 20;
    private static final long MAX_BUFFER = 16L << 20;

    /// The first byte of a note's key: above every trigram's.
    private static final byte NOTE = 0x7f;

    /// So many merges of a shard, and every text in it was merged again.
    private static final int BATCHES = 1000;

    private final Corpus corpus;
    private final Shards shards;
    private final int batch;
    private final Trigrams trigrams = new Trigrams();
    private Store store;
    private int merges;

    Index(Corpus corpus, Store store, Shards shards) {
        this.corpus = corpus;
        this.store = store;
        this.shards = shards;
        this.batch = Math.max(1, corpus.count() / BATCHES);
    }

    /// How large a shard is, in a pool of this budget.
    static long shardBytes(long budgetBytes) {
        return Math.min(MAX_SHARD, budgetBytes / SHARDS_IN_BUDGET);
    }

    /// Puts the first index into the store.
    void fill(IndexBuilder builder) {
        for (int t = 0; t < Trigrams.COUNT; t += FILL) {
            try (Transaction tx = store.begin()) {
                for (int i = t; i < t + FILL; i++) {
                    fill(tx, i, builder.postings(i));
                }
                tx.commit();
            }
        }
    }

    /// Cuts one trigram's postings into segments.
    private static void fill(Transaction tx, int trigram, byte[] postings) {
        MemorySegment out = MemorySegment.ofArray(new byte[Segment.MAX_BYTES]);
        Postings.Reader reader =
                new Postings.Reader(MemorySegment.ofArray(postings), postings.length);
        int first = -1;
        int last = 0;
        long used = 0;
        while (reader.next()) {
            if (first >= 0 && used > Segment.MAX_BYTES - Postings.MAX_BYTES) {
                tx.putNative(Segment.key(trigram, first), out.asSlice(0, used));
                first = -1;
            }
            if (first < 0) {
                first = reader.number();
                last = 0;
                used = 0;
            }
            used = Postings.put(out, used, last, reader.number());
            last = reader.number();
        }
        if (first >= 0) {
            tx.putNative(Segment.key(trigram, first), out.asSlice(0, used));
        }
    }

    /// Merges the next batch of texts into the next shard. What is about to happen is noted first,
    /// in a transaction of its own, as jobs do that may be broken off.
    void merge() {
        int s = merges++ % shards.count();
        int keepFrom = shards.low[s] + batch;
        int end = shards.high[s] + batch;
        note(s, end);
        long[] added;
        try (Transaction tx = store.begin()) {
            long oldBytes = bytes(s);
            added = pairs(s, shards.high[s], end);
            // The founding case: a large buffer that must not fail, asked for where a handle is
            // held.
            ValueBuffer buffer = tx.buffer(bufferBytes(s, oldBytes, added.length));
            MergePass pass = new MergePass(buffer.segment(), oldBytes, keepFrom, added);
            store.scan(Trigrams.key(shards.begin[s]), endKey(s), (key, value) -> {
                pass.entry(key, value);
                return true;
            });
            pass.end();
            pass.put(tx);
            tx.commit();
        }
        acknowledge(added, 1);
        acknowledge(pairs(s, shards.low[s], keepFrom), -1);
        shards.low[s] = keepFrom;
        shards.high[s] = end;
    }

    private void note(int s, int end) {
        try (Transaction tx = store.begin()) {
            tx.put(noteKey(s), ByteBuffer.allocate(Integer.BYTES).putInt(end).array());
            tx.commit();
        }
    }

    /// Behind all trigrams.
    private static byte[] noteKey(int s) {
        return ByteBuffer.allocate(1 + Integer.BYTES).put(NOTE).putInt(s).array();
    }

    /// How much there is to merge in a shard.
    private long bytes(int s) {
        long[] bytes = new long[1];
        store.scan(Trigrams.key(shards.begin[s]), endKey(s), (key, value) -> {
            bytes[0] += value.length;
            return true;
        });
        return bytes[0];
    }

    private static long bufferBytes(int s, long oldBytes, int added) {
        long needed = MergePass.bufferBytes(oldBytes, added);
        if (needed > MAX_BUFFER) {
            throw new IllegalStateException("shard " + s + " has grown to " + needed + " bytes");
        }
        return Math.max(MIN_BUFFER, needed);
    }

    private byte[] endKey(int s) {
        return shards.begin[s + 1] == Trigrams.COUNT ? new byte[] {NOTE}
                : Trigrams.key(shards.begin[s + 1]);
    }

    /// The shard's trigrams of the texts with these numbers, as trigram << 32 | number, ascending.
    private long[] pairs(int s, int from, int to) {
        long[] pairs = new long[1 << 14];
        int count = 0;
        for (int number = from; number < to; number++) {
            int n = trigrams.gather(corpus.text(number % corpus.count()));
            for (int i = 0; i < n; i++) {
                int trigram = trigrams.get(i);
                if (trigram >= shards.begin[s] && trigram < shards.begin[s + 1]) {
                    if (count == pairs.length) {
                        pairs = Arrays.copyOf(pairs, 2 * count);
                    }
                    pairs[count++] = (long) trigram << 32 | number;
                }
            }
        }
        pairs = Arrays.copyOf(pairs, count);
        Arrays.sort(pairs);
        return pairs;
    }

    private void acknowledge(long[] pairs, int sign) {
        for (long pair : pairs) {
            shards.counts[(int) (pair >>> 32)] += sign;
            shards.sums[(int) (pair >>> 32)] += sign * Postings.mix((int) pair);
        }
    }

    /// Counts the texts that have all of three trigrams of a text.
    ///
    /// @param detail chooses the three
    int search(int text, int detail) {
        MemorySegment in = corpus.text(text);
        if (in.byteSize() < 3) {
            return 0;
        }
        int[] numbers = {};
        for (int i = 0; i < 3; i++) {
            long at = (detail * 31L + i * 7L) % (in.byteSize() - 2);
            int[] found = numbers(Trigrams.at(in, at));
            numbers = i == 0 ? found : both(numbers, found);
        }
        return numbers.length;
    }

    private int[] numbers(int trigram) {
        IntStream.Builder numbers = IntStream.builder();
        store.scan(Trigrams.key(trigram), Trigrams.key(trigram + 1), (key, value) -> {
            Postings.Reader reader =
                    new Postings.Reader(MemorySegment.ofArray(value), value.length);
            while (reader.next()) {
                numbers.add(reader.number());
            }
            return true;
        });
        return numbers.build().toArray();
    }

    private static int[] both(int[] a, int[] b) {
        int[] common = new int[Math.min(a.length, b.length)];
        int n = 0;
        int j = 0;
        for (int i = 0; i < a.length && j < b.length; i++) {
            while (j < b.length && b[j] < a[i]) {
                j++;
            }
            if (j < b.length && b[j] == a[i]) {
                common[n++] = a[i];
            }
        }
        return Arrays.copyOf(common, n);
    }

    /// Compares every trigram's postings with what was acknowledged.
    ///
    /// @return how many segments were read
    /// @throws IllegalStateException for the first trigram that is not right
    long verify() {
        int[] counts = new int[Trigrams.COUNT];
        long[] sums = new long[Trigrams.COUNT];
        int[] lows = new int[Trigrams.COUNT];
        for (int s = 0; s < shards.count(); s++) {
            Arrays.fill(lows, shards.begin[s], shards.begin[s + 1], shards.low[s]);
        }
        long[] segments = new long[1];
        store.scan(new byte[] {0}, new byte[] {NOTE}, (key, value) -> {
            int t = Segment.trigram(key);
            Postings.Reader reader =
                    new Postings.Reader(MemorySegment.ofArray(value), value.length);
            while (reader.next()) {
                if (reader.number() >= lows[t]) {       // what is lower waits to be dropped
                    counts[t]++;
                    sums[t] += Postings.mix(reader.number());
                }
            }
            segments[0]++;
            return true;
        });
        for (int t = 0; t < Trigrams.COUNT; t++) {
            if (counts[t] != shards.counts[t] || sums[t] != shards.sums[t]) {
                throw new IllegalStateException("trigram " + t + " has " + counts[t] + " postings, "
                        + shards.counts[t] + " were acknowledged"
                        + (counts[t] == shards.counts[t] ? ", and they differ" : ""));
            }
        }
        return segments[0] + verifyNotes();
    }

    private long verifyNotes() {
        long notes = 0;
        for (int s = 0; s < shards.count(); s++) {
            byte[] note = store.get(noteKey(s));
            if (note != null) {
                notes++;
            }
            int end = note == null ? corpus.count() : ByteBuffer.wrap(note).getInt();
            if (end != shards.high[s]) {
                throw new IllegalStateException("the note on shard " + s + " says " + end + ", "
                        + shards.high[s] + " was acknowledged");
            }
        }
        return notes;
    }

    /// The store was closed and opened again.
    void reopened(Store again) {
        store = again;
    }
}
