package dev.polder.cli.load;

import dev.polder.cli.input.Corpus;
import dev.polder.store.Store;
import dev.polder.store.Transaction;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/// The text store: path → text. An update writes a text's next revision, whose first line says
/// which it is.
final class Texts {

    /// So many texts go into one transaction while the store is filled.
    private static final int FILL = 16;

    /// Bytes in one import.
    private static final long MAX_IMPORT = 12L << 20;
    private static final int IMPORTS_IN_BUDGET = 8;

    private final Corpus corpus;
    private final long maxImport;
    private final int[] revisions;          // acknowledged; written by the one writer
    private Store store;

    /// @param budgetBytes the pool's budget: how large an import may be
    Texts(Corpus corpus, Store store, long budgetBytes) {
        this.corpus = corpus;
        this.maxImport = Math.min(MAX_IMPORT, budgetBytes / IMPORTS_IN_BUDGET);
        this.store = store;
        this.revisions = new int[corpus.count()];
    }

    /// Puts every text into the store.
    void fill() {
        for (int first = 0; first < corpus.count(); first += FILL) {
            try (Transaction tx = store.begin()) {
                for (int t = first; t < Math.min(first + FILL, corpus.count()); t++) {
                    tx.put(key(t), value(t, 0));
                }
                tx.commit();
            }
        }
    }

    /// Imports neighbouring texts again, in one transaction: lays their next revisions side by side
    /// in one buffer, then puts them.
    ///
    /// @throws IllegalStateException when the store lost an acknowledged revision
    void update(int first, int count) {
        int n = 0;
        long bytes = 0;
        while (n < Math.min(count, corpus.count())) {
            int text = (first + n) % corpus.count();
            int size = head(revisions[text] + 1).length + corpus.size(text);
            if (n > 0 && bytes + size > maxImport) {
                break;
            }
            bytes += size;
            n++;
        }
        try (Transaction tx = store.begin()) {
            MemorySegment buffer = tx.buffer(bytes).segment();
            long at = 0;
            for (int i = 0; i < n; i++) {
                int text = (first + i) % corpus.count();
                requireRevision(text, tx.get(key(text)));
                MemorySegment value = buffer.asSlice(at, lay(text, buffer, at));
                tx.putNative(key(text), value);
                at += value.byteSize();
            }
            tx.commit();
        }
        for (int i = 0; i < n; i++) {
            revisions[(first + i) % corpus.count()]++;
        }
    }

    /// Lays the next revision of a text into the buffer.
    ///
    /// @return its length
    private long lay(int text, MemorySegment buffer, long at) {
        byte[] head = head(revisions[text] + 1);
        MemorySegment.copy(head, 0, buffer, ValueLayout.JAVA_BYTE, at, head.length);
        MemorySegment.copy(corpus.text(text), 0, buffer, at + head.length, corpus.size(text));
        return head.length + (long) corpus.size(text);
    }

    /// Reads a text.
    ///
    /// @throws IllegalStateException when it is not there
    void read(int text) {
        byte[] value = store.get(key(text));
        if (value == null || value.length < corpus.size(text)) {
            throw new IllegalStateException("text '" + corpus.path(text) + "' is "
                    + (value == null ? "missing" : "cut to " + value.length + " bytes"));
        }
    }

    /// Compares every text with what was acknowledged last.
    ///
    /// @return how many are right
    /// @throws IllegalStateException for the first that is not
    long verify() {
        for (int text = 0; text < corpus.count(); text++) {
            byte[] is = store.get(key(text));
            byte[] should = value(text, revisions[text]);
            if (is == null || !java.util.Arrays.equals(is, should)) {
                throw new IllegalStateException("text '" + corpus.path(text) + "' of revision "
                        + revisions[text] + " reads back "
                        + (is == null ? "as missing" : "differently"));
            }
        }
        return corpus.count();
    }

    /// The store was closed and opened again.
    void reopened(Store again) {
        store = again;
    }

    private void requireRevision(int text, byte @Nullable [] value) {
        int head = head(revisions[text]).length;
        if (value == null || value.length != head + corpus.size(text)) {
            throw new IllegalStateException("text '" + corpus.path(text) + "' is not of revision "
                    + revisions[text]);
        }
    }

    private byte[] value(int text, int revision) {
        byte[] head = head(revision);
        byte[] value = java.util.Arrays.copyOf(head, head.length + corpus.size(text));
        MemorySegment.copy(corpus.text(text), ValueLayout.JAVA_BYTE, 0, value, head.length,
                corpus.size(text));
        return value;
    }

    private static byte[] head(int revision) {
        return revision == 0 ? new byte[0]
                : ("// revision " + revision + "\n").getBytes(StandardCharsets.US_ASCII);
    }

    private byte[] key(int text) {
        return corpus.path(text).getBytes(StandardCharsets.UTF_8);
    }
}
