package dev.polder.store.cache;

import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// From page number to the current version: open addressing, linear probing, half full at most.
/// Under the cache's lock.
final class PageTable {
    private static final int FIRST = 1 << 10;

    private @Nullable Page[] slots = new @Nullable Page[FIRST];
    private int size;

    int size() {
        return size;
    }

    @Nullable Page get(long number) {
        int mask = slots.length - 1;
        for (int i = home(number, mask);; i = (i + 1) & mask) {
            Page p = slots[i];
            if (p == null || p.number == number) {
                return p;
            }
        }
    }

    /// Puts `p` in.
    ///
    /// @return the version that it replaced
    @Nullable Page put(Page p) {
        if (size * 2 >= slots.length) {
            grow();
        }
        int mask = slots.length - 1;
        for (int i = home(p.number, mask);; i = (i + 1) & mask) {
            Page old = slots[i];
            if (old == null) {
                slots[i] = p;
                size++;
                return null;
            }
            if (old.number == p.number) {
                slots[i] = p;
                return old;
            }
        }
    }

    /// Takes the version of `number` out. Those behind it close the gap.
    void remove(long number) {
        int mask = slots.length - 1;
        int gap = home(number, mask);
        while (true) {
            Page p = slots[gap];
            if (p == null) {
                return;
            }
            if (p.number == number) {
                break;
            }
            gap = (gap + 1) & mask;
        }
        size--;
        for (int i = (gap + 1) & mask;; i = (i + 1) & mask) {
            Page p = slots[i];
            if (p == null) {
                slots[gap] = null;
                return;
            }
            int home = home(p.number, mask);
            if (((i - home) & mask) >= ((i - gap) & mask)) {
                slots[gap] = p;
                gap = i;
            }
        }
    }

    void forEach(Consumer<Page> c) {
        for (Page p : slots) {
            if (p != null) {
                c.accept(p);
            }
        }
    }

    private void grow() {
        @Nullable Page[] old = slots;
        slots = new @Nullable Page[old.length * 2];
        size = 0;
        for (Page p : old) {
            if (p != null) {
                put(p);
            }
        }
    }

    private static int home(long number, int mask) {
        return (int) ((number * 0x9e3779b97f4a7c15L) >>> 40) & mask;
    }
}
