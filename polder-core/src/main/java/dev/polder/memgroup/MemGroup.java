package dev.polder.memgroup;

import dev.polder.task.Task;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// A set of allocations that share a charge and limits: a query, a tenant, a cache. The kernel's
/// memory cgroup, hierarchical as in version 2.
///
/// An allocation is charged to the group that the thread has entered with [#enter], or to the root
/// if its mask carries `__GFP_ACCOUNT`; a charge counts in every ancestor. Amounts are in bytes:
/// whole frames, into which the bytes of small objects are gathered. Every method may be called
/// from any thread.
///
/// Four limits, each of which stands for this group and all below it:
///
/// * **max**: hard. A charge above it first reclaims inside the group, then may fail another group
///   inside, then gets nothing. NOFAIL and HIGH requests, and those made in reclaim, may exceed it
///   (row G5).
/// * **high**: a charge above it is never refused, but its thread reclaims inside the group, and
///   sleeps a while if that does not help and it holds nobody up. What was charged by requests that
///   may not block is reclaimed for by the next that may.
/// * **min**: memory below it is not taken by reclaim from outside the group.
/// * **low**: nor is memory below this, unless nothing else is left.
///
/// Notes
///
/// charged = own runs + own objects, rounded up + sum of the children's charged. A charge climbs
/// from the group to the root and climbs back down if a limit on the way refuses it, so that for a
/// moment an ancestor may show more than it holds; it never shows less.
///
/// A closed group stays in the tree while something is charged to it, so that reclaim still finds
/// what it holds; it is forgotten when a sibling comes or goes after that. A thread that is in it
/// still pays with the nearest group above that is open.
public final class MemGroup implements AutoCloseable {
    /// No limit.
    public static final long MAX = Long.MAX_VALUE;

    private static final AtomicLong IDS = new AtomicLong();
    private static final int EVENTS = Event.values().length;

    /// What is counted for a group; the kernel's `memory.events`.
    public enum Event {
        /// Reclaim took memory that `low` protects, because nothing else was left.
        LOW,
        /// The charge was above `high`, and a thread had to reclaim for it.
        HIGH,
        /// A charge would have exceeded `max`, and reclaim was tried.
        MAX,
        /// A request got nothing because of `max`, or because the group had failed.
        REFUSED,
        /// The out-of-memory policy chose the group.
        FAILED
    }

    private final long id = IDS.incrementAndGet();
    private final String name;
    private final @Nullable MemGroup parent;
    private final MemGroup root;
    /// One for a tree: the root's. A leaf; nothing is called under it.
    private final ReentrantLock treeLock;
    /// Replaced under the tree's lock, never changed.
    private volatile List<MemGroup> children = List.of();
    private final AtomicLong charged = new AtomicLong();
    private final AtomicLong peak = new AtomicLong();
    private final ObjectBytes objects = new ObjectBytes();
    private final AtomicLong overHigh = new AtomicLong();
    private final AtomicLongArray events = new AtomicLongArray(EVENTS);
    private volatile long min;
    private volatile long low;
    private volatile long high = MAX;
    private volatile long max = MAX;
    private volatile boolean failed;
    private volatile boolean closed;
    private volatile @Nullable Consumer<? super MemGroup> owner;
    /// In a root only: who is told of groups that are forgotten.
    private volatile @Nullable Consumer<? super MemGroup> watcher;
    /// In a root only: whether the pool is closed.
    private volatile boolean poolClosed;
    /// In a root only: whether any group of the tree was ever given a `min` or `low`.
    private volatile boolean anyProtection;
    /// In a root only: whether any group of the tree was ever given a `high`.
    private volatile boolean anyHigh;

    private MemGroup(String name, @Nullable MemGroup parent) {
        this.name = name;
        this.parent = parent;
        this.root = parent == null ? this : parent.root;
        this.treeLock = parent == null ? new ReentrantLock() : parent.treeLock;
    }

    /// The root of a new tree; a pool makes one when it opens.
    public static MemGroup root(String name) {
        return new MemGroup(name, null);
    }

    /// The group that the current thread has entered last, of whichever pool, or null.
    public static @Nullable MemGroup current() {
        GroupScope in = (GroupScope) Task.current().group();
        return in == null ? null : in.group;
    }

    /// The group of `root`'s tree that pays for what the thread takes: the one that it has entered
    /// last, or the nearest above that is open. Null if it has entered none of them: groups of
    /// another pool pay for nothing here.
    public static @Nullable MemGroup entered(Task task, MemGroup root) {
        GroupScope in = (GroupScope) task.group();
        while (in != null && in.group.root != root) {
            in = in.outer;
        }
        if (in == null) {
            return null;
        }
        MemGroup payer = in.group;
        while (payer.closed && payer.parent != null) {
            payer = payer.parent;
        }
        return payer;
    }

    /// Creates a child.
    ///
    /// @param name for people; need not be unique
    /// @throws IllegalArgumentException if the name is blank
    /// @throws IllegalStateException if this group or its pool is closed
    public MemGroup create(String name) {
        if (Objects.requireNonNull(name, "name").isBlank()) {
            throw new IllegalArgumentException("a group needs a name: reports show it");
        }
        MemGroup child = new MemGroup(name, this);
        List<MemGroup> before;
        treeLock.lock();
        try {
            requireOpen("create a child in it");
            before = children;
            List<MemGroup> more = livingChildren();
            more.add(child);
            children = List.copyOf(more);
        } finally {
            treeLock.unlock();
        }
        tellForgotten(before);
        return child;
    }

    /// Ends the group: it cannot be entered again, and goes when nothing is charged to it any more.
    /// What it holds stays charged to it and its ancestors until it is freed. A second close does
    /// nothing.
    ///
    /// @throws IllegalStateException if it is a root, or has a child that is open
    @Override
    public void close() {
        MemGroup above = parent;
        if (above == null) {
            throw new IllegalStateException("group " + name + " is the root of its pool and ends "
                    + "with it; close the pool");
        }
        List<MemGroup> before;
        treeLock.lock();
        try {
            for (MemGroup child : children) {
                if (!child.closed) {
                    throw new IllegalStateException("group " + path() + " cannot be closed: its "
                            + "child " + child.name + " is open; close that first");
                }
            }
            closed = true;
            before = above.children;
            above.children = List.copyOf(above.livingChildren());
        } finally {
            treeLock.unlock();
        }
        above.tellForgotten(before);
    }

    /// Tells who watches the tree of those that were children and are none any more.
    private void tellForgotten(List<MemGroup> before) {
        Consumer<? super MemGroup> watcher = root.watcher;
        if (watcher == null) {
            return;
        }
        for (MemGroup child : before) {
            if (!children.contains(child)) {
                watcher.accept(child);
            }
        }
    }

    /// A charge came just when the group was closed and forgotten, and perhaps those above it with
    /// it: what is charged must be found from the root.
    private void stayFound() {
        treeLock.lock();
        try {
            for (MemGroup g = this; g.closed && g.parent != null; g = g.parent) {
                if (!g.parent.children.contains(g)) {
                    List<MemGroup> more = new ArrayList<>(g.parent.children);
                    more.add(g);
                    g.parent.children = List.copyOf(more);
                }
            }
        } finally {
            treeLock.unlock();
        }
    }

    /// Names who is told, with no lock held, of each group of this root's tree that is forgotten:
    /// closed, and without a charge. For the memory manager.
    public void whenForgotten(Consumer<? super MemGroup> watcher) {
        this.watcher = watcher;
    }

    private List<MemGroup> livingChildren() {
        List<MemGroup> living = new ArrayList<>(children);
        living.removeIf(g -> g.closed && g.charged() == 0);
        return living;
    }

    /// A number unlike that of any other group of this process; never 0.
    public long id() {
        return id;
    }

    /// The name given at creation.
    public String name() {
        return name;
    }

    /// The group's path from the root: `main/query-17`.
    public String path() {
        return parent == null ? name : parent.path() + "/" + name;
    }

    /// The group above, or null for a root.
    public @Nullable MemGroup parent() {
        return parent;
    }

    /// The groups directly below, those that were closed and still hold something among them.
    /// Unmodifiable; later changes do not show.
    public List<MemGroup> children() {
        return children;
    }

    /// Whether `other` is this group or lies below it.
    public boolean holds(MemGroup other) {
        MemGroup g = other;
        while (g != null && g != this) {
            g = g.parent;
        }
        return g == this;
    }

    // ---- figures --------------------------------------------------------------------------------

    /// Bytes charged to this group and those below it.
    public long charged() {
        return charged.get();
    }

    /// The most that was ever charged.
    public long peak() {
        return peak.get();
    }

    /// Bytes of small objects that are charged to this very group, exactly; [#charged] has them as
    /// whole frames.
    public long objectBytes() {
        return objects.used();
    }

    /// Bytes of the frames that are charged for those objects.
    long objectFrames() {
        return objects.frames();
    }

    /// How often something happened to this very group.
    public long events(Event e) {
        return events.get(e.ordinal());
    }

    /// Counts an event. For the memory manager.
    public void count(Event e) {
        events.incrementAndGet(e.ordinal());
    }

    /// Requests that got nothing because of this group.
    public long refused() {
        return events(Event.REFUSED);
    }

    // ---- limits ---------------------------------------------------------------------------------

    /// The hard limit in bytes; [#MAX] if there is none.
    public long max() {
        return max;
    }

    /// Sets the hard limit. A limit below the present charge stops further charges; it takes
    /// nothing.
    ///
    /// @param bytes at least 0
    /// @throws IllegalArgumentException if `bytes` is negative
    public MemGroup max(long bytes) {
        max = notNegative("max", bytes);
        return this;
    }

    /// The throttling limit in bytes; [#MAX] if there is none.
    public long high() {
        return high;
    }

    /// Sets the limit above which those who charge must reclaim.
    ///
    /// @param bytes at least 0
    /// @throws IllegalArgumentException if `bytes` is negative
    public MemGroup high(long bytes) {
        high = notNegative("high", bytes);
        if (bytes < MAX) {
            root.anyHigh = true;
        }
        return this;
    }

    /// Whether a group of this group's tree has, or had, a `high`.
    public boolean anyHigh() {
        return root.anyHigh;
    }

    /// Bytes that reclaim from outside never takes.
    public long min() {
        return min;
    }

    /// Sets how many bytes reclaim from outside never takes. No group has more than the one above
    /// it is promised: siblings share that, if together they are promised more. It is kept by
    /// group-aware shrinkers; the others do not know whose memory they give.
    ///
    /// @param bytes at least 0; 0 for no protection
    /// @throws IllegalArgumentException if `bytes` is negative
    public MemGroup min(long bytes) {
        min = notNegative("min", bytes);
        if (bytes > 0) {
            root.anyProtection = true;
        }
        return this;
    }

    /// Bytes that reclaim from outside takes only when nothing else is left.
    public long low() {
        return low;
    }

    /// Sets how many bytes reclaim from outside takes only when nothing else is left; otherwise as
    /// [#min(long)].
    ///
    /// @param bytes at least 0; 0 for no protection
    /// @throws IllegalArgumentException if `bytes` is negative
    public MemGroup low(long bytes) {
        low = notNegative("low", bytes);
        if (bytes > 0) {
            root.anyProtection = true;
        }
        return this;
    }

    /// Whether a group of this group's tree has, or had, a `min` or a `low`.
    public boolean anyProtection() {
        return root.anyProtection;
    }

    private long notNegative(String what, long bytes) {
        if (bytes < 0) {
            throw new IllegalArgumentException(what + " of group " + path()
                    + " must be at least 0, not " + bytes + "; use MemGroup.MAX for no limit");
        }
        return bytes;
    }

    // ---- failing --------------------------------------------------------------------------------

    /// Names who is told, on a thread of Polder's own, when the out-of-memory policy fails this
    /// group: its task is to free what the group holds, and then to call [#reset]. It may block and
    /// allocate; what it throws is reported. Null for nobody.
    public MemGroup whenFailed(@Nullable Consumer<? super MemGroup> owner) {
        this.owner = owner;
        return this;
    }

    /// Who is told when the group fails, or null.
    public @Nullable Consumer<? super MemGroup> owner() {
        return owner;
    }

    /// True after the out-of-memory policy chose this group to fail, or one above it, until
    /// [#reset].
    public boolean failed() {
        for (MemGroup g = this; g != null; g = g.parent) {
            if (g.failed) {
                return true;
            }
        }
        return false;
    }

    /// Marks the group as failed: its further charges, and those below it, are refused.
    public void fail() {
        failed = true;
    }

    /// Lets a failed group allocate again.
    public void reset() {
        failed = false;
    }

    // ---- entering -------------------------------------------------------------------------------

    /// Enters the group on this thread; what the thread allocates until the scope is closed is
    /// charged to it. Scopes nest; close them in the reverse order on the same thread.
    ///
    /// @throws IllegalStateException if the group is closed
    public GroupScope enter() {
        requireOpen("enter it");
        Task task = Task.current();
        GroupScope in = new GroupScope(task, this, (GroupScope) task.group());
        task.group(in);
        return in;
    }

    /// The pool of this root closes: no group is made any more. For the memory manager.
    public void poolCloses() {
        poolClosed = true;
    }

    private void requireOpen(String what) {
        if (root.poolClosed) {
            throw new IllegalStateException("pool '" + root.name + "' of group " + path()
                    + " is closed; nobody can " + what);
        }
        if (closed) {
            throw new IllegalStateException("group " + path() + " is closed; nobody can " + what
                    + "; create another");
        }
    }

    // ---- charging, for the memory manager -------------------------------------------------------

    /// Charges `bytes` here and in every ancestor, or nowhere.
    ///
    /// @param bytes a multiple of 4096
    /// @return null if charged, else the group that refused: above its `max`, or failed
    public @Nullable MemGroup tryCharge(long bytes) {
        for (MemGroup g = this; g != null; g = g.parent) {
            long now = g.charged.addAndGet(bytes);
            if (now > g.max || g.failed) {
                g.charged.addAndGet(-bytes);
                for (MemGroup below = this; below != g && below != null; below = below.parent) {
                    below.charged.addAndGet(-bytes);
                }
                return g;
            }
            g.notePeak(now);
        }
        if (closed) {
            stayFound();
        }
        return null;
    }

    /// Charges `bytes` whatever the limits say (row G5).
    public void charge(long bytes) {
        for (MemGroup g = this; g != null; g = g.parent) {
            g.notePeak(g.charged.addAndGet(bytes));
        }
        if (closed) {
            stayFound();
        }
    }

    /// Takes a charge back.
    public void uncharge(long bytes) {
        for (MemGroup g = this; g != null; g = g.parent) {
            long now = g.charged.addAndGet(-bytes);
            assert now >= 0 : "a group cannot hold less than nothing";
        }
    }

    private void notePeak(long now) {
        if (now > peak.get()) {
            peak.accumulateAndGet(now, Math::max);
        }
    }

    /// Pays for an object of `bytes` from frames that are charged already; false if they have no
    /// room for it.
    public boolean takeObject(long bytes) {
        return objects.take(bytes);
    }

    /// Enters an object of `bytes` for which `frames` bytes, whole frames, were just charged.
    public void addObject(long bytes, long frames) {
        give(objects.add(bytes, frames));
    }

    /// Takes an object's charge back; frames are uncharged as they empty. Neither waits nor
    /// allocates.
    public void dropObject(long bytes) {
        give(objects.drop(bytes));
    }

    private void give(long frames) {
        if (frames > 0) {
            uncharge(frames);
        }
    }

    /// Adds to the bytes that were charged above `high` since somebody last reclaimed for it, and
    /// takes them all once there are `batch`: then the caller is the one to reclaim.
    ///
    /// @return the bytes taken, or 0
    public long oweForHigh(long bytes, long batch) {
        return overHigh.addAndGet(bytes) < batch ? 0 : overHigh.getAndSet(0);
    }

    /// The group's path and charge.
    @Override
    public String toString() {
        return path() + " (" + charged() + " bytes)";
    }

    /// A thread's stay in a group, ended by [#close].
    public static final class GroupScope implements AutoCloseable {
        private final Task task;
        private final MemGroup group;
        private final @Nullable GroupScope outer;
        private boolean closed;

        private GroupScope(Task task, MemGroup group, @Nullable GroupScope outer) {
            this.task = task;
            this.group = group;
            this.outer = outer;
        }

        /// Leaves the group.
        ///
        /// @throws IllegalStateException on another thread, twice, or out of order
        @Override
        public void close() {
            if (closed || Task.current() != task || task.group() != this) {
                throw new IllegalStateException("the scope of group " + group.path()
                        + " was closed "
                        + (closed ? "twice" : "on another thread or out of order")
                        + "; close it once, where it was entered, innermost first");
            }
            closed = true;
            task.group(outer);
        }
    }
}
