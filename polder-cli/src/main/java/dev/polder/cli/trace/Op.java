package dev.polder.cli.trace;

/// What an operation does. In the trace an operation is one long: the kind in the top byte, a
/// detail in the next three, the text's number in the lower half.
public enum Op {
    /// Writes new revisions of `detail` neighbouring texts in one transaction.
    UPDATE,
    /// Merges the next batch of texts into the next shard of the index.
    MERGE,
    /// Reads a text from its store.
    READ,
    /// Looks up trigrams of a text, which `detail` chooses, in the index.
    SEARCH,
    /// Asks for the rendered form of a text.
    RENDER;

    private static final Op[] ALL = values();
    private static final int DETAIL_BITS = 24;

    /// Packs an operation.
    public long pack(int detail, int text) {
        assert detail >= 0 && detail < 1 << DETAIL_BITS : detail;
        assert text >= 0 : text;
        return (long) ordinal() << 56 | (long) detail << 32 | text;
    }

    /// The kind of a packed operation.
    public static Op of(long packed) {
        return ALL[(int) (packed >>> 56)];
    }

    /// The detail of a packed operation.
    public static int detail(long packed) {
        return (int) (packed >>> 32) & (1 << DETAIL_BITS) - 1;
    }

    /// The text of a packed operation.
    public static int text(long packed) {
        return (int) packed;
    }
}
