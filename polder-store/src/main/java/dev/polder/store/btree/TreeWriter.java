package dev.polder.store.btree;

import dev.polder.store.file.PageImage;
import dev.polder.store.file.StoreFile;
import dev.polder.store.file.StoreMeta;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// What one transaction does to keys and values. Values that do not fit a leaf are written to their
/// run at once; everything else stays in the [WriteSet].
///
/// After an exception other than for a bad argument the private tree may be half changed: the
/// transaction can only be dropped.
public final class TreeWriter {
    /// Key and value together stand in the leaf up to here: then three cells always fit a page.
    private static final int INLINE = 1024;

    private final WriteSet set;
    private final SpaceMap space;
    private final StoreFile data;
    private final TreeReader reader;
    private final Tree tree;
    private long nextRun;
    private boolean wroteRuns;
    private long runBytes;

    /// A writer on `set`, which begins in the state `meta`.
    public TreeWriter(WriteSet set, SpaceMap space, StoreFile data, TreeReader reader,
            StoreMeta meta) {
        this.set = set;
        this.space = space;
        this.data = data;
        this.reader = reader;
        this.tree = new Tree(set, meta.root(), meta.height(), meta.keys());
        this.nextRun = meta.nextRun();
    }

    /// Gives the buffer that a run is written from.
    @FunctionalInterface
    public interface RunBuffer {
        /// A buffer of at least `bytes` bytes whose first bytes are the value.
        MemorySegment get(long bytes) throws IOException;
    }

    /// True if a value of this length stands in the leaf.
    public static boolean standsInLeaf(int keyLength, long length) {
        return keyLength + length <= INLINE;
    }

    /// Bytes of a buffer from which a value of this length can be written as it is.
    public static long bufferBytes(long length) {
        return (long) ValueRun.pages(Math.toIntExact(length)) * PageImage.SIZE;
    }

    /// The value of a key, or null.
    public byte @Nullable [] get(byte[] key) throws IOException {
        try {
            return reader.get(key, tree::find);
        } finally {
            set.endOperation();
        }
    }

    /// Puts a value that stands in the leaf.
    ///
    /// @return true if the key was not there
    public boolean putInLeaf(byte[] key, MemorySegment value, long length) throws IOException {
        assert standsInLeaf(key.length, length) : length;
        return put(ValueRef.cell(key, value, length));
    }

    /// Puts a value into a run of its own.
    ///
    /// @return true if the key was not there
    public boolean putInRun(byte[] key, int length, RunBuffer buffer) throws IOException {
        MemorySegment bytes = buffer.get(bufferBytes(length));
        int pages = ValueRun.pages(length);
        long start = space.allocate(pages, true);
        ValueRef ref = new ValueRef(start, nextRun++, length);
        wroteRuns = true;
        runBytes += (long) pages * PageImage.SIZE;
        ValueRun.write(data, bytes, ref);
        return put(ValueRef.cell(key, ref));
    }

    private boolean put(byte[] cell) throws IOException {
        try {
            byte[] old = tree.put(cell);
            releaseRun(old);
            return old == null;
        } finally {
            set.endOperation();
        }
    }

    /// Takes a key out.
    ///
    /// @return false if it was not there
    public boolean delete(byte[] key) throws IOException {
        try {
            byte[] old = tree.remove(key);
            releaseRun(old);
            return old != null;
        } finally {
            set.endOperation();
        }
    }

    private void releaseRun(byte @Nullable [] cell) {
        ValueRef ref = cell == null ? null : ValueRef.of(cell);
        if (ref != null) {
            space.release(ref.start(), ref.pages());
        }
    }

    /// The state that the transaction would leave.
    public StoreMeta meta() {
        return new StoreMeta(tree.root(), tree.height(), space.pages(), tree.keys(), nextRun);
    }

    /// True if values were written past the journal: the data file must be durable before the
    /// group's commit block is.
    public boolean wroteRuns() {
        return wroteRuns;
    }

    /// Bytes written past the journal.
    public long runBytes() {
        return runBytes;
    }
}
