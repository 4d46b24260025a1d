package dev.polder.store.btree;

import static dev.polder.store.file.PageImage.I32;
import static dev.polder.store.file.PageImage.I64;
import static dev.polder.store.file.PageImage.SIZE;

import dev.polder.store.cache.Page;
import dev.polder.store.cache.PageCache;
import dev.polder.store.file.PageImage;
import dev.polder.store.file.StoreFile;
import dev.polder.store.pool.StorePool;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/// A value in pages of its own, in a row: the bytes as they are from the first page on, so that a
/// buffer is written without a copy and a cached page is read without one, and behind them a
/// trailer at the very end of the last page.
///
/// ```
/// trailer:  i32 magic   i32 length   i64 run   i32 crc32c of each data page × n   i32 crc32c of it
/// ```
/// A run is written straight into free pages before the group that refers to it is committed, and
/// its pages are not used again before a checkpoint has passed the group that freed it: what is on
/// the disk under a run that is referred to never changes. A reader that came by a reference which
/// is no longer true notices by the run number or a checksum.
public final class ValueRun {
    private static final int MAGIC = 0x52_75_6e_21;
    private static final int FIXED = 20;

    private ValueRun() {}

    /// How a reader of a run takes it.
    @FunctionalInterface
    public interface Sink {
        /// Takes bytes `offset`… of the value. The segment is good until the method returns.
        void chunk(MemorySegment bytes, long offset);
    }

    /// Pages of data.
    static int dataPages(int length) {
        return (length + SIZE - 1) / SIZE;
    }

    private static int trailerBytes(int length) {
        return FIXED + 4 * dataPages(length);
    }

    /// Pages that a value of `length` bytes takes.
    public static int pages(int length) {
        return (int) (((long) length + trailerBytes(length) + SIZE - 1) / SIZE);
    }

    /// Completes a buffer whose first `length` bytes are the value, and writes it.
    ///
    /// @param buffer at least `pages(length)` pages
    static void write(StoreFile file, MemorySegment buffer, ValueRef ref) throws IOException {
        int length = ref.length();
        long bytes = (long) ref.pages() * SIZE;
        long trailer = bytes - trailerBytes(length);
        buffer.asSlice(length, trailer - length).fill((byte) 0);
        buffer.set(I32, trailer, MAGIC);
        buffer.set(I32, trailer + 4, length);
        buffer.set(I64, trailer + 8, ref.run());
        int n = dataPages(length);
        for (int i = 0; i < n; i++) {
            long at = (long) i * SIZE;
            buffer.set(I32, trailer + 16 + 4L * i,
                    PageImage.crc32c(buffer, at, Math.min(SIZE, length - at)));
        }
        buffer.set(I32, bytes - 4, PageImage.crc32c(buffer, trailer, bytes - 4 - trailer));
        file.write(buffer.asSlice(0, bytes).asByteBuffer(), ref.start() * SIZE);
    }

    /// Reads a run through the cache.
    ///
    /// @return false if what is there is not that run: the reference is stale, or the disk is
    ///     damaged
    static boolean read(PageCache cache, StorePool pool, StoreFile file, ValueRef ref, Sink sink)
            throws IOException {
        int length = ref.length();
        int n = dataPages(length);
        long trailer = (long) ref.pages() * SIZE - trailerBytes(length);
        byte[] table = new byte[trailerBytes(length)];
        MemorySegment t = MemorySegment.ofArray(table);
        for (long p = trailer / SIZE; p < ref.pages(); p++) {
            Page page = page(cache, file, ref, p);
            if (page == null) {
                return false;
            }
            long from = Math.max(trailer, p * SIZE);
            MemorySegment.copy(pool.page(page.run()), from - p * SIZE, t, from - trailer,
                    (p + 1) * SIZE - from);
            cache.unpin(page);
        }
        if (t.get(I32, 0) != MAGIC || t.get(I32, 4) != length || t.get(I64, 8) != ref.run()
                || t.get(I32, table.length - 4L) != PageImage.crc32c(t, 0, table.length - 4L)) {
            forget(cache, ref, trailer / SIZE, ref.pages());
            return false;
        }
        for (int i = 0; i < n; i++) {
            Page page = page(cache, file, ref, i);
            if (page == null) {
                return false;
            }
            try {
                long at = (long) i * SIZE;
                MemorySegment bytes = pool.page(page.run()).asSlice(0, Math.min(SIZE, length - at));
                if (!page.verified()) {
                    if (PageImage.crc32c(bytes, 0, bytes.byteSize()) != t.get(I32, 16 + 4L * i)) {
                        cache.forget(page);
                        return false;
                    }
                    page.verified(true);
                }
                sink.chunk(bytes.asReadOnly(), at);
            } finally {
                cache.unpin(page);
            }
        }
        return true;
    }

    private static @Nullable Page page(PageCache cache, StoreFile file, ValueRef ref, long index)
            throws IOException {
        return cache.fetch(ref.start() + index, ref.run(), (p, bytes) -> {
            ByteBuffer b = bytes.asByteBuffer();
            int got = file.read(b, p.number() * SIZE);
            if (got < SIZE) {
                bytes.asSlice(got, SIZE - got).fill((byte) 0);
            }
        });
    }

    private static void forget(PageCache cache, ValueRef ref, long from, long to) {
        for (long i = from; i < to; i++) {
            Page p = cache.pinCached(ref.start() + i, ref.run());
            if (p != null) {
                cache.forget(p);
                cache.unpin(p);
            }
        }
    }
}
