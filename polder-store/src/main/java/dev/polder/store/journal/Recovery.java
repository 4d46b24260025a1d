package dev.polder.store.journal;

import dev.polder.store.file.JournalFormat;
import dev.polder.store.file.JournalFormat.Stamp;
import dev.polder.store.file.PageImage;
import dev.polder.store.file.StoreFile;
import dev.polder.store.file.StoreMeta;
import dev.polder.store.file.Superblock;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Brings a store back to the last durable commit group when it is opened.
///
/// From the superblock's position on, groups are read as long as they are whole; the first that is
/// not is where the crash was, and nothing behind it was ever acknowledged. Then the newest image
/// of each page is put in place, and a superblock of a new epoch makes the journal empty. A crash
/// at any moment of this leaves a store that is recovered the same way again.
public final class Recovery {
    private final StoreFile data;
    private final StoreFile journal;
    private final MemorySegment block;
    private final MemorySegment image;
    private final long blocks;
    private final Map<Long, Long> newest = new HashMap<>();

    /// A recovery of these files.
    ///
    /// @param scratch two pages of memory
    public Recovery(StoreFile data, StoreFile journal, MemorySegment scratch) throws IOException {
        this.data = data;
        this.journal = journal;
        this.block = scratch.asSlice(0, PageImage.SIZE);
        this.image = scratch.asSlice(PageImage.SIZE, PageImage.SIZE);
        this.blocks = journal.size() / JournalFormat.BLOCK;
    }

    /// Recovers, and returns the superblock from which to go on.
    public Superblock run() throws IOException {
        Superblock start = Superblock.read(data, block);
        if (start == null) {
            throw new IOException(data.name() + " has no whole superblock: it is not a store, or"
                    + " both copies are damaged");
        }
        if (blocks == 0) {
            throw new IOException("the journal of " + data.name() + " is missing or empty");
        }
        StoreMeta meta = start.meta();
        long group = start.nextGroup();
        long at = start.tail();
        while (true) {
            Found f = group(new Stamp(start.store(), start.epoch(), group), at, start.tail());
            if (f == null) {
                break;
            }
            newest.putAll(f.images);
            meta = f.meta;
            at = f.end;
            group++;
        }
        for (Map.Entry<Long, Long> e : newest.entrySet()) {
            read(e.getValue(), image);
            data.write(image.asByteBuffer(), e.getKey() * PageImage.SIZE);
        }
        data.force();
        Superblock now = new Superblock(start.sequence() + 1, start.store(), start.epoch() + 1,
                group, at, meta);
        now.write(data, block);
        data.force();
        return now;
    }

    private record Found(long end, StoreMeta meta, Map<Long, Long> images) {}

    /// Reads one group; null if it is not whole.
    private @Nullable Found group(Stamp stamp, long begin, long tail) throws IOException {
        Map<Long, Long> images = new HashMap<>();
        int crc = 0;
        long count = 0;
        long at = begin;
        while (at - tail < blocks) {
            read(at, block);
            if (JournalFormat.fits(block, JournalFormat.COMMIT, stamp)) {
                boolean whole = JournalFormat.commits(block, count, crc);
                return whole ? new Found(at + 1, JournalFormat.meta(block), images) : null;
            }
            if (!JournalFormat.fits(block, JournalFormat.DESCRIPTOR, stamp)) {
                return null;
            }
            crc = JournalFormat.fold(crc, PageImage.crc(block));
            int n = JournalFormat.entries(block);
            if (n < 1 || n > JournalFormat.ENTRIES || at + n - tail >= blocks) {
                return null;
            }
            for (int i = 0; i < n; i++) {
                long number = JournalFormat.entryPage(block, i);
                read(at + 1 + i, image);
                if (!PageImage.intact(image, number)
                        || PageImage.crc(image) != JournalFormat.entryCrc(block, i)) {
                    return null;
                }
                images.put(number, at + 1 + i);
            }
            count += n;
            at += 1 + n;
        }
        return null;
    }

    private void read(long position, MemorySegment target) throws IOException {
        target.fill((byte) 0);
        journal.read(target.asByteBuffer(), position % blocks * JournalFormat.BLOCK);
    }
}
