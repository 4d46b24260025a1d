package dev.polder.store.btree;

import dev.polder.store.file.PageImage;
import dev.polder.store.file.StoreFile;
import dev.polder.store.file.StoreFiles;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.BitSet;
import java.util.Deque;

/// Which pages of the file are in use. One bit a page, kept in space pages (one for [#PER_PAGE]
/// pages, third of its group) and in memory.
///
/// Invariants:
///
/// 1. `live` = pages that the tree refers to, space pages and superblocks, as the open transaction
///    sees it; the space pages on disk say the same after its commit.
/// 2. `busy` = `live` and the pages at rest: freed by a group that no checkpoint has passed. They
///    are not given out, for recovery might still put the old content of a page back there, or a
///    crash might undo the freeing.
/// 3. A run never crosses a space page: the bits of those are set ahead of the high-water mark.
///
/// Threads: the one writer.
public final class SpaceMap {
    /// Pages that one space page maps: its bytes behind 64 of header.
    public static final int PER_PAGE = (PageImage.SIZE - 64) * 8;
    /// Place of the space page in its group; superblocks are 0 and 1 of the first.
    private static final int PLACE = 2;
    private static final long BITS = 64;
    /// The file grows by 1 MiB: rare enough, and small beside any store.
    private static final int GROW = 256;

    private final StoreFile data;
    private final BitSet live = new BitSet();
    private final BitSet busy = new BitSet();
    private final BitSet taken = new BitSet();
    private final BitSet given = new BitSet();
    private final Deque<Resting> resting = new ArrayDeque<>();
    private long restingPages;
    private int pages;
    private int pagesBefore;
    private long onDisk;
    private int next;
    private volatile long inUse;

    private record Resting(long group, BitSet pages) {}

    /// An empty map over `data`; [#load] fills it.
    public SpaceMap(StoreFile data) {
        this.data = data;
        busy.set(0, PLACE + 1);
        live.set(0, PLACE + 1);
        pages = PLACE + 1;
        pagesBefore = pages;
    }

    /// Makes the first space page of a store whose first `count` pages are in use.
    public static void format(MemorySegment page, long count) {
        PageImage.format(page, PageImage.SPACE, 0, PLACE);
        for (int i = 0; i < count; i++) {
            mark(page, 0, i, true);
        }
    }

    /// Number of the space page that maps page `number`.
    static long spacePage(long number) {
        return number / PER_PAGE * PER_PAGE + PLACE;
    }

    /// Reads the map of a store of `count` pages.
    public void load(long count, MemorySegment scratch) throws IOException {
        pages = Math.toIntExact(count);
        pagesBefore = pages;
        for (int g = 0; g < pages; g += PER_PAGE) {
            if (g + PLACE >= pages) {
                break;
            }
            PageImage.read(data, g + PLACE, scratch);
            for (int i = 0; i < PER_PAGE && g + i < pages; i++) {
                if (bit(scratch, 0, i)) {
                    live.set(g + i);
                    busy.set(g + i);
                }
            }
        }
        reserveAhead();
        inUse = live.cardinality();
    }

    private static boolean bit(MemorySegment m, long at, int i) {
        return (m.get(ValueLayout.JAVA_BYTE, at + BITS + (i >> 3)) >> (i & 7) & 1) != 0;
    }

    private void reserveAhead() {
        for (int g = 0; g <= pages / PER_PAGE + 1; g++) {
            busy.set(g * PER_PAGE + PLACE);
        }
    }

    /// Pages of the file that are or were in use: the high-water mark.
    public long pages() {
        return pages;
    }

    /// Pages freed that a checkpoint would make useful again.
    public long restingPages() {
        return restingPages;
    }

    /// Pages in use after the last transaction. From any thread.
    public long livePages() {
        return inUse;
    }

    /// True if the page is in use.
    public boolean isLive(long number) {
        return live.get((int) number);
    }

    /// Takes `count` pages in a row. Those below the end of the file exist on the disk.
    ///
    /// @param written the caller writes them itself, now: the file is only lengthened up to them
    public long allocate(int count, boolean written) throws IOException {
        int start = find(next, count);
        if (start < 0) {
            start = find(0, count);
        }
        if (start < 0) {
            start = tail(count);
        }
        long end = (long) start + (written ? 0 : count);
        if (end > onDisk) {
            long grown = (end + GROW - 1) / GROW * GROW;
            StoreFiles.lengthen(data, grown * PageImage.SIZE);
            onDisk = grown;
        }
        if (start + count > pages) {
            pages = start + count;
            reserveAhead();
            for (int g = PLACE; g < pages; g += PER_PAGE) {
                if (!live.get(g)) {
                    live.set(g);
                    taken.set(g);
                }
            }
        }
        busy.set(start, start + count);
        live.set(start, start + count);
        taken.set(start, start + count);
        next = start + count;
        return start;
    }

    private int find(int from, int count) {
        int i = busy.nextClearBit(from);
        while (i + count <= pages) {
            int end = busy.nextSetBit(i);
            if (end < 0 || end - i >= count) {
                return i;
            }
            i = busy.nextClearBit(end);
        }
        return -1;
    }

    private int tail(int count) {
        int start = busy.previousSetBit(pages - 1) + 1;
        while (true) {
            int end = busy.nextSetBit(start);
            if (end < 0 || end - start >= count) {
                return start;
            }
            start = busy.nextClearBit(end);
        }
    }

    /// Gives pages back: at once if this transaction took them, else after a checkpoint.
    public void release(long start, int count) {
        for (int i = (int) start; i < start + count; i++) {
            assert live.get(i) : "page " + i + " is not in use";
            live.clear(i);
            if (taken.get(i)) {
                taken.clear(i);
                busy.clear(i);
            } else {
                given.set(i);
            }
        }
    }

    /// Puts this transaction's changes into space pages of `set`.
    void writeChanges(WriteSet set) throws IOException {
        BitSet changed = (BitSet) taken.clone();
        changed.or(given);
        long last = -1;
        for (int i = changed.nextSetBit(0); i >= 0; i = changed.nextSetBit(i + 1)) {
            long page = spacePage(i);
            if (page != last) {
                last = page;
                set.space(page, page >= pagesBefore);
            }
            mark(set.memory(), set.writable(page), (int) (i - page + PLACE), live.get(i));
        }
    }

    private static void mark(MemorySegment m, long at, int i, boolean on) {
        long b = at + BITS + (i >> 3);
        int old = m.get(ValueLayout.JAVA_BYTE, b);
        int bit = 1 << (i & 7);
        m.set(ValueLayout.JAVA_BYTE, b, (byte) (on ? old | bit : old & ~bit));
    }

    /// The transaction is part of `group`.
    public void commit(long group) {
        if (!given.isEmpty()) {
            resting.add(new Resting(group, (BitSet) given.clone()));
            restingPages += given.cardinality();
        }
        pagesBefore = pages;
        inUse = inUse + taken.cardinality() - given.cardinality();
        taken.clear();
        given.clear();
    }

    /// The transaction did not happen.
    public void abort() {
        live.andNot(taken);
        busy.andNot(taken);
        live.or(given);
        taken.clear();
        given.clear();
        pages = pagesBefore;
        next = 0;
        reserveAhead();
    }

    /// A checkpoint has passed `group`: pages that it and earlier ones freed may be used.
    public void passed(long group) {
        for (Resting r = resting.peek(); r != null && r.group <= group; r = resting.peek()) {
            busy.andNot(r.pages);
            restingPages -= r.pages.cardinality();
            resting.remove();
        }
    }

    /// Compares the space pages with memory.
    ///
    /// @throws IllegalStateException where they differ
    void verify(TreePages reader) throws IOException {
        for (int g = 0; g + PLACE < pages; g += PER_PAGE) {
            long at = reader.readable(g + PLACE);
            for (int i = 0; i < PER_PAGE && g + i < pages; i++) {
                if (bit(reader.memory(), at, i) != live.get(g + i)) {
                    throw new IllegalStateException("the space map says that page " + (g + i)
                            + " is " + (live.get(g + i) ? "in use" : "free")
                            + ", its space page does not");
                }
            }
        }
    }
}
