package dev.polder.slab;

import dev.polder.base.Check;
import org.jspecify.annotations.Nullable;

/// A doubly linked list of slabs through the slabs themselves; guarded by the cache's lock.
final class SlabList {
    private final String name;
    private @Nullable Slab first;
    private @Nullable Slab last;
    private int size;

    /// `name` is for messages.
    SlabList(String name) {
        this.name = name;
    }

    int size() {
        return size;
    }

    @Nullable Slab first() {
        return first;
    }

    /// Adds a slab that is on no list.
    void addFirst(Slab slab) {
        assert slab.list == null : "a slab is on one list at a time";
        Slab after = first;
        slab.list = this;
        slab.next = after;
        if (after == null) {
            last = slab;
        } else {
            after.prev = slab;
        }
        first = slab;
        size++;
    }

    /// Adds a slab that is on no list, behind all others.
    void addLast(Slab slab) {
        assert slab.list == null : "a slab is on one list at a time";
        Slab before = last;
        slab.list = this;
        slab.prev = before;
        if (before == null) {
            first = slab;
        } else {
            before.next = slab;
        }
        last = slab;
        size++;
    }

    /// Removes a slab that is on this list.
    void remove(Slab slab) {
        assert slab.list == this : "a slab leaves the list that it is on";
        Slab before = slab.prev;
        Slab after = slab.next;
        if (before == null) {
            first = after;
        } else {
            before.next = after;
        }
        if (after == null) {
            last = before;
        } else {
            after.prev = before;
        }
        slab.list = null;
        slab.prev = null;
        slab.next = null;
        size--;
    }

    /// Checks links, membership and length.
    void verify() {
        int seen = 0;
        Slab before = null;
        for (Slab slab = first; slab != null; slab = slab.next) {
            Check.that(slab.list == this, "a slab on the " + name + " list believes otherwise");
            Check.that(slab.prev == before, "a back link of the " + name + " list is wrong");
            Check.that(seen++ < size, "the " + name + " list is longer than its count");
            before = slab;
        }
        Check.that(before == last, "the end of the " + name + " list is wrong");
        Check.that(seen == size, "the " + name + " list is shorter than its count");
    }
}
