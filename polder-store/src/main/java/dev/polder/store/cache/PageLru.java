package dev.polder.store.cache;

import org.jspecify.annotations.Nullable;

/// An active and an inactive list with second chance: a page that was used while inactive moves to
/// the active list when its turn to go comes; the active list is shortened when it is the longer.
/// Under the cache's lock.
final class PageLru {
    private final PageList active = new PageList();
    private final PageList inactive = new PageList();

    int size() {
        return active.size() + inactive.size();
    }

    void add(Page p) {
        inactive.addFirst(p);
    }

    /// Puts `p` where the next scan finds it first.
    void addOldest(Page p) {
        inactive.addLast(p);
    }

    void remove(Page p) {
        PageList l = p.list;
        if (l != null) {
            l.remove(p);
        }
    }

    /// The next page whose turn it is, not used since it came here; null when `budget` looks found
    /// none. It stays on its list.
    ///
    /// @param looks in [0]: how many pages may still be looked at; each look is taken off
    @Nullable Page oldest(long[] looks) {
        shorten(looks[0]);
        while (looks[0] > 0) {
            Page p = inactive.tail();
            if (p == null) {
                return null;
            }
            looks[0]--;
            if (!p.referenced) {
                return p;
            }
            p.referenced = false;
            inactive.remove(p);
            active.addFirst(p);
        }
        return null;
    }

    /// Not this time: `p` goes to the young end.
    void rotate(Page p) {
        inactive.remove(p);
        inactive.addFirst(p);
    }

    private void shorten(long most) {
        for (long i = 0; i < most && active.size() > inactive.size(); i++) {
            Page p = active.tail();
            if (p == null) {
                return;
            }
            active.remove(p);
            p.referenced = false;
            inactive.addFirst(p);
        }
    }

    void verify() {
        active.verify();
        inactive.verify();
    }
}
