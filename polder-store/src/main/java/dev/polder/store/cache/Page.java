package dev.polder.store.cache;

import org.jspecify.annotations.Nullable;

/// One version of a page, in one frame. The kernel's folio, with what a buffer head adds.
///
/// ```
///           read            evicted or replaced
///  LOADING ──────▶ CLEAN ────────────────────────▶ gone
///     │ failed       ▲ written in place
///     ▼              │          durable            installed
///   gone           DIRTY ◀────────────── LOGGED ◀──────────── SHADOW ──▶ gone (abort)
/// ```
/// | state | content | who else keeps it | may be evicted |
/// |---|---|---|---|
/// | LOADING | being read by the one who claimed it | the reader | no |
/// | CLEAN | as on the disk | readers' pins | yes, unpinned |
/// | SHADOW | being changed by one transaction | the transaction | no; not in the cache |
/// | LOGGED | of a commit group that is not durable | the group | after the group's commit |
/// | DIRTY | in the journal, not in place | the dirty map | after it is written |
///
/// From its installation or loading on, a version's content never changes (except its owner's while
/// SHADOW): a newer content is a newer version. `keeps` counts who needs the frame: the table, each
/// pin, the group, the dirty map, a write in flight. At 0 the frame goes back to the pool.
///
/// All fields but the final ones are the cache's, under its lock, or the owner's while SHADOW.
public final class Page {
    /// The tag of structured pages. Value pages bear the number of their run, which is at least 1.
    public static final long TREE = 0;

    /// Where a version is in its life.
    public enum State {
        /// Being read from the disk.
        LOADING,
        /// As on the disk.
        CLEAN,
        /// Private to a transaction.
        SHADOW,
        /// Of a commit group that is not durable.
        LOGGED,
        /// Durable in the journal, not in place.
        DIRTY
    }

    final long number;
    final long run;
    final long node;
    final long tag;

    State state;
    int keeps;
    long group;
    boolean current;
    boolean touched;
    boolean referenced;
    boolean reclaimSoon;
    boolean writing;
    volatile boolean verified;
    @Nullable PageList list;
    @Nullable Page before;
    @Nullable Page after;

    Page(long number, long run, long node, long tag, State state) {
        this.number = number;
        this.run = run;
        this.node = node;
        this.tag = tag;
        this.state = state;
    }

    /// The page's number in the file.
    public long number() {
        return number;
    }

    /// The frame.
    public long run() {
        return run;
    }

    /// Address of the node's index in the slab, or 0.
    public long node() {
        return node;
    }

    /// [#TREE] or the value run that it is part of.
    public long tag() {
        return tag;
    }

    /// True if somebody compared a value page with its run's checksums.
    public boolean verified() {
        return verified;
    }

    /// Says so. Two who do it at once agree.
    public void verified(boolean yes) {
        verified = yes;
    }

    /// The commit group that logged it last.
    public long group() {
        return group;
    }

    boolean tree() {
        return tag == TREE;
    }

    /// Somebody uses the page. The first time is the one that it was read for: only the second one
    /// shows that it is worth keeping.
    void touch() {
        referenced = touched;
        touched = true;
    }

    @Override
    public String toString() {
        return "page " + number + " (" + state + (tag == TREE ? "" : ", run " + tag) + ", group "
                + group + ", kept by " + keeps + (current ? ")" : ", replaced)");
    }
}
