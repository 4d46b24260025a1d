package dev.polder.store.btree;

import dev.polder.store.cache.PageCache;
import dev.polder.store.file.CorruptPageException;
import dev.polder.store.file.StoreFile;
import dev.polder.store.pool.StorePool;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Reads keys and their values for threads that hold nothing.
public final class TreeReader {
    /// A run that does not fit its reference this often, while the reference stays, is damaged.
    private static final int TRIES = 4;

    private final TreeView view;
    private final PageCache cache;
    private final StorePool pool;
    private final StoreFile data;

    /// A reader of `view`.
    public TreeReader(TreeView view, PageCache cache, StorePool pool, StoreFile data) {
        this.view = view;
        this.cache = cache;
        this.pool = pool;
        this.data = data;
    }

    /// Where the cell of a key is looked up again when the reference in it proved stale.
    @FunctionalInterface
    interface Finder {
        byte @Nullable [] find(byte[] key) throws IOException;
    }

    /// Who takes entries of a range.
    @FunctionalInterface
    public interface EntryVisitor {
        /// Takes one; false: enough.
        boolean entry(byte[] key, byte[] value);
    }

    /// The value of a key, or null.
    public byte @Nullable [] get(byte[] key) throws IOException {
        return get(key, view::find);
    }

    byte @Nullable [] get(byte[] key, Finder finder) throws IOException {
        byte[] cell = finder.find(key);
        return cell == null ? null : value(key, cell, finder);
    }

    private byte @Nullable [] value(byte[] key, byte[] cell, Finder finder) throws IOException {
        ValueRef ref = ValueRef.of(cell);
        if (ref == null) {
            return ValueRef.inline(cell);
        }
        byte[][] result = {new byte[ref.length()]};
        long n = chunks(key, cell, finder, (bytes, offset, length) -> {
            if (result[0].length != length) {
                result[0] = new byte[(int) length];
            }
            MemorySegment.copy(bytes, 0, MemorySegment.ofArray(result[0]), offset,
                    bytes.byteSize());
        });
        return n < 0 ? null : result[0];
    }

    /// Takes a value in pieces.
    @FunctionalInterface
    public interface ChunkSink {
        /// Takes bytes `offset`… of a value of `length`. Offset 0 can come again: the value was
        /// replaced meanwhile, and comes anew.
        void chunk(MemorySegment bytes, long offset, long length);
    }

    /// Hands out the value of a key where it lies.
    ///
    /// @return its length, or -1
    public long get(byte[] key, ChunkSink sink) throws IOException {
        byte[] cell = view.find(key);
        return cell == null ? -1 : chunks(key, cell, view::find, sink);
    }

    private long chunks(byte[] key, byte[] first, Finder finder, ChunkSink sink)
            throws IOException {
        byte[] cell = first;
        int same = 0;
        while (true) {
            ValueRef ref = ValueRef.of(cell);
            if (ref == null) {
                byte[] value = ValueRef.inline(cell);
                sink.chunk(MemorySegment.ofArray(value).asReadOnly(), 0, value.length);
                return value.length;
            }
            if (ValueRun.read(cache, pool, data, ref,
                    (bytes, offset) -> sink.chunk(bytes, offset, ref.length()))) {
                return ref.length();
            }
            byte[] again = finder.find(key);
            if (again == null) {
                return -1;
            }
            same = Arrays.equals(cell, again) ? same + 1 : 0;
            if (same == TRIES) {
                throw new CorruptPageException(data.name(), ref.start(), "the value run "
                        + ref.run() + " of " + ref.length() + " bytes there has wrong checksums");
            }
            cell = again;
        }
    }

    /// Visits the entries of [from, to), in order; `to` null: to the end. Each leaf is seen as it
    /// is when it is reached.
    ///
    /// @return entries visited
    public long scan(byte[] from, byte @Nullable [] to, EntryVisitor visitor) throws IOException {
        long[] n = new long[1];
        view.scan(from, cell -> {
            byte[] key = ValueRef.key(cell);
            if (to != null && Arrays.compareUnsigned(key, to) >= 0) {
                return false;
            }
            byte[] value = value(key, cell, view::find);
            if (value == null) {
                return true;
            }
            n[0]++;
            return visitor.entry(key, value);
        });
        return n[0];
    }
}
