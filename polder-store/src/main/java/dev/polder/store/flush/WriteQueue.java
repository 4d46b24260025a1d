package dev.polder.store.flush;

import static dev.polder.store.file.PageImage.I32;
import static dev.polder.store.file.PageImage.I64;

import dev.polder.store.cache.Page;
import dev.polder.store.file.PageImage;
import dev.polder.store.file.StoreFile;
import dev.polder.store.pool.StorePool;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import java.util.zip.Deflater;
import org.jspecify.annotations.Nullable;

/// A batch of dirty pages on its way to the disk: one request each, from the memory pool that
/// guarantees a whole batch, and one buffer into which the pages are compressed.
///
/// ```
/// request:  0 page number   8 offset in the buffer   16 bytes to write
/// ```
/// Of the flusher's thread, the only one that takes requests: it never holds more of them than the
/// memory pool keeps, so it never waits for one (J7).
final class WriteQueue {
    /// Pages in a batch, so requests in flight: a buffer of 1 MiB, few and long writes.
    static final int MOST = 256;
    /// Pages that our own buffer takes when the pool has no larger one: writing goes on, in small
    /// steps, without any memory.
    static final int RESERVE = 8;

    private final StorePool pool;
    private final StoreFile data;
    private final MemorySegment reserve;
    private final @Nullable Deflater deflater;
    private final long[] requests = new long[MOST];
    private final LongAdder bytes = new LongAdder();

    /// A queue to `data`.
    ///
    /// @param reserve memory for [#RESERVE] pages
    /// @param deflater null: pages are written as they are
    WriteQueue(StorePool pool, StoreFile data, MemorySegment reserve,
            @Nullable Deflater deflater) {
        this.pool = pool;
        this.data = data;
        this.reserve = reserve;
        this.deflater = deflater;
    }

    long bytes() {
        return bytes.sum();
    }

    /// Writes `n` pages, which are sorted by number.
    ///
    /// @param done told of each page that is written
    void write(Page[] batch, int n, Consumer<Page> done) throws IOException {
        assert n <= MOST : n;
        MemorySegment large = n <= RESERVE ? null : pool.tryBuffer((long) n * PageImage.SIZE);
        MemorySegment buffer = large == null ? reserve : large;
        int step = large == null ? RESERVE : n;
        try {
            for (int i = 0; i < n; i += step) {
                int some = Math.min(step, n - i);
                try {
                    fill(batch, i, some, buffer);
                    submit(batch, i, some, buffer, done);
                } finally {
                    release(some);
                }
            }
        } finally {
            if (large != null) {
                pool.freeBuffer(large);
            }
        }
    }

    private void fill(Page[] batch, int from, int n, MemorySegment buffer) {
        long at = 0;
        for (int i = 0; i < n; i++) {
            Page p = batch[from + i];
            MemorySegment page = pool.page(p.run());
            int length = PageImage.SIZE;
            if (deflater != null) {
                length = PageImage.pack(deflater, page, buffer, at);
            } else {
                MemorySegment.copy(page, 0, buffer, at, PageImage.SIZE);
            }
            long request = pool.request();
            requests[i] = request;
            long r = pool.offset(request);
            pool.memory().set(I64, r, p.number());
            pool.memory().set(I64, r + 8, at);
            pool.memory().set(I32, r + 16, length);
            // A slot each: packing needs a whole page of room to try in.
            at += PageImage.SIZE;
        }
    }

    private void submit(Page[] batch, int from, int n, MemorySegment buffer, Consumer<Page> done)
            throws IOException {
        MemorySegment m = pool.memory();
        for (int i = 0; i < n; i++) {
            long r = pool.offset(requests[i]);
            int length = m.get(I32, r + 16);
            data.write(buffer.asSlice(m.get(I64, r + 8), length).asByteBuffer(),
                    m.get(I64, r) * PageImage.SIZE);
            bytes.add(length);
            done.accept(batch[from + i]);
        }
    }

    private void release(int n) {
        for (int i = 0; i < n; i++) {
            if (requests[i] != 0) {
                pool.freeRequest(requests[i]);
                requests[i] = 0;
            }
        }
    }
}
