package dev.polder.store.journal;

import dev.polder.store.cache.Page;
import dev.polder.store.file.JournalFormat;
import dev.polder.store.file.JournalFormat.Stamp;
import dev.polder.store.file.PageImage;
import dev.polder.store.file.StoreFile;
import dev.polder.store.file.StoreMeta;
import dev.polder.store.pool.StorePool;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/// The journal file as a ring of blocks. Positions count blocks from the store's first on and never
/// come back; the block lies at `position % blocks`.
///
/// Equation: `tail <= head <= tail + blocks`, the groups in [tail, head) are those that recovery
/// would replay. Writes and syncs; knows nothing of handles. Of the committer's thread.
final class JournalLog {
    /// Blocks written at a time: 256 KiB, allocated once, for a commit must not need memory.
    static final int STAGED = 64;

    private final StoreFile file;
    private final StorePool pool;
    private final MemorySegment staging;
    private final long blocks;
    private long head;
    private int staged;
    private long written;

    JournalLog(StoreFile file, StorePool pool, MemorySegment staging, long head)
            throws IOException {
        this.file = file;
        this.pool = pool;
        this.staging = staging;
        this.blocks = file.size() / JournalFormat.BLOCK;
        this.head = head;
    }

    long blocks() {
        return blocks;
    }

    long head() {
        return head;
    }

    long bytesWritten() {
        return written;
    }

    /// Writes a group and returns when it is durable. There is room for it.
    void append(Stamp stamp, Collection<Page> pages, StoreMeta meta) throws IOException {
        List<Page> all = new ArrayList<>(pages);
        all.sort((a, b) -> Long.compare(a.number(), b.number()));
        long end = head + JournalFormat.blocks(all.size());
        int crc = 0;
        for (int i = 0; i < all.size(); i += JournalFormat.ENTRIES) {
            List<Page> some = all.subList(i, Math.min(all.size(), i + JournalFormat.ENTRIES));
            MemorySegment d = next();
            JournalFormat.begin(d, JournalFormat.DESCRIPTOR, stamp);
            int n = 0;
            for (Page p : some) {
                JournalFormat.entry(d, n++, p.number(), PageImage.crc(pool.page(p.run())));
            }
            crc = JournalFormat.fold(crc, JournalFormat.seal(d));
            for (Page p : some) {
                MemorySegment.copy(pool.page(p.run()), 0, next(), 0, JournalFormat.BLOCK);
            }
        }
        MemorySegment c = next();
        JournalFormat.begin(c, JournalFormat.COMMIT, stamp);
        JournalFormat.commit(c, all.size(), crc, meta);
        JournalFormat.seal(c);
        flush();
        assert head == end : head + " after the group, not " + end;
        file.force();
    }

    private MemorySegment next() throws IOException {
        if (staged == STAGED) {
            flush();
        }
        return staging.asSlice((long) staged++ * JournalFormat.BLOCK, JournalFormat.BLOCK);
    }

    private void flush() throws IOException {
        int from = 0;
        while (from < staged) {
            long at = head % blocks;
            int n = (int) Math.min(staged - from, blocks - at);
            file.write(staging.asSlice((long) from * JournalFormat.BLOCK,
                    (long) n * JournalFormat.BLOCK).asByteBuffer(), at * JournalFormat.BLOCK);
            from += n;
            head += n;
            written += (long) n * JournalFormat.BLOCK;
        }
        staged = 0;
    }
}
