package dev.polder.store.cache;

import org.jspecify.annotations.Nullable;

/// Pages in order of age: new ones at the head, the next to go at the tail. Links lie in the pages.
/// Under the cache's lock.
final class PageList {
    private @Nullable Page head;
    private @Nullable Page tail;
    private int size;

    int size() {
        return size;
    }

    @Nullable Page tail() {
        return tail;
    }

    void addFirst(Page p) {
        assert p.list == null : p;
        p.list = this;
        p.before = null;
        p.after = head;
        if (head == null) {
            tail = p;
        } else {
            head.before = p;
        }
        head = p;
        size++;
    }

    void addLast(Page p) {
        assert p.list == null : p;
        p.list = this;
        p.after = null;
        p.before = tail;
        if (tail == null) {
            head = p;
        } else {
            tail.after = p;
        }
        tail = p;
        size++;
    }

    void remove(Page p) {
        assert p.list == this : p;
        if (p.before == null) {
            head = p.after;
        } else {
            p.before.after = p.after;
        }
        if (p.after == null) {
            tail = p.before;
        } else {
            p.after.before = p.before;
        }
        p.before = null;
        p.after = null;
        p.list = null;
        size--;
    }

    /// Counts the links and throws if they do not fit together.
    void verify() {
        int n = 0;
        Page last = null;
        for (Page p = head; p != null; p = p.after) {
            if (p.list != this || p.before != last) {
                throw new IllegalStateException("broken list at " + p);
            }
            last = p;
            n++;
        }
        if (last != tail || n != size) {
            throw new IllegalStateException("list of " + size + " has " + n + " pages");
        }
    }
}
