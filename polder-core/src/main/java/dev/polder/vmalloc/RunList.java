package dev.polder.vmalloc;

import dev.polder.base.Frames;
import dev.polder.page.PageAllocator;
import java.util.Arrays;

/// The runs of frames taken for an area that is being made, until the page table records them.
final class RunList {
    /// A run is one word: its first frame shifted left by this, and its order.
    private static final int ORDER_BITS = 4;

    private long[] words = new long[4];
    private int size;
    private long pages;

    RunList() {
        assert Frames.MAX_ORDER < 1 << ORDER_BITS : "the order fits its bits";
    }

    /// Makes room for one more run, which is taken only after that.
    void expectOne() {
        if (size == words.length) {
            words = Arrays.copyOf(words, 2 * size);
        }
    }

    void add(long run, int order) {
        expectOne();
        words[size++] = run << ORDER_BITS | order;
        pages += 1L << order;
    }

    int size() {
        return size;
    }

    /// Frames in all runs.
    long pages() {
        return pages;
    }

    long run(int i) {
        return words[i] >>> ORDER_BITS;
    }

    long length(int i) {
        return 1L << (words[i] & (1 << ORDER_BITS) - 1);
    }

    /// The first run after `i` that does not continue where the one before it ends: runs between
    /// can be mapped by one call, and the system keeps them as one mapping.
    int pieceEnd(int i) {
        int next = i + 1;
        while (next < size && run(next) == run(next - 1) + length(next - 1)) {
            next++;
        }
        return next;
    }

    /// Pieces as [#pieceEnd] makes them: mappings that the area will have.
    int pieces() {
        int n = 0;
        for (int i = 0; i < size; i = pieceEnd(i)) {
            n++;
        }
        return n;
    }

    /// Gives all runs back.
    void freeAll(PageAllocator pages) {
        for (int i = 0; i < size; i++) {
            pages.frames().owner(run(i), length(i), null);
            pages.free(run(i));
        }
        size = 0;
        this.pages = 0;
    }
}
