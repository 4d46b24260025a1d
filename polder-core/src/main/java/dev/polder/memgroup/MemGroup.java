package dev.polder.memgroup;

import dev.polder.task.Task;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/// A set of allocations that share a charge and a limit: a query, a tenant, a cache. The kernel's
/// memory cgroup, hierarchical as in version 2.
///
/// A run of pages is charged to the group that the allocating thread has entered with [#enter], or
/// to the root if its mask carries `__GFP_ACCOUNT`; a charge counts in every ancestor. Amounts are
/// in bytes, whole frames. Every method may be called from any thread.
///
/// Notes
///
/// charged = own runs + sum of the children's charged. A charge climbs from the group to the root
/// and climbs back down if a limit on the way refuses it, so that for a moment an ancestor may show
/// more than it holds; it never shows less.
public final class MemGroup {
    /// No limit.
    public static final long MAX = Long.MAX_VALUE;

    private static final AtomicLong IDS = new AtomicLong();

    private final long id = IDS.incrementAndGet();
    private final String name;
    private final @Nullable MemGroup parent;
    private final List<MemGroup> children = new CopyOnWriteArrayList<>();
    private final AtomicLong charged = new AtomicLong();
    private final AtomicLong refused = new AtomicLong();
    private volatile long max = MAX;
    private volatile boolean failed;

    private MemGroup(String name, @Nullable MemGroup parent) {
        this.name = name;
        this.parent = parent;
    }

    /// The root of a new tree; a pool makes one when it opens.
    public static MemGroup root(String name) {
        return new MemGroup(name, null);
    }

    /// The group that the current thread has entered, or null.
    public static @Nullable MemGroup current() {
        return (MemGroup) Task.current().group();
    }

    /// Creates a child.
    ///
    /// @param name for people; need not be unique
    public MemGroup create(String name) {
        MemGroup child = new MemGroup(name, this);
        children.add(child);
        return child;
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

    /// The groups directly below.
    public List<MemGroup> children() {
        return new ArrayList<>(children);
    }

    /// Bytes charged to this group and those below it.
    public long charged() {
        return charged.get();
    }

    /// Requests that this group's limit refused.
    public long refused() {
        return refused.get();
    }

    /// The limit in bytes; [#MAX] if there is none.
    public long max() {
        return max;
    }

    /// Sets the limit. A limit below the present charge stops further charges; it takes nothing.
    ///
    /// @param bytes at least 0
    /// @throws IllegalArgumentException if `bytes` is negative
    public MemGroup max(long bytes) {
        if (bytes < 0) {
            throw new IllegalArgumentException("max of group " + path()
                    + " must be at least 0, not "
                    + bytes + "; use MemGroup.MAX for no limit");
        }
        max = bytes;
        return this;
    }

    /// True after the out-of-memory policy chose this group to fail, until [#reset].
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

    /// Enters the group on this thread; what the thread allocates until the scope is closed is
    /// charged to it. Scopes nest; close them in the reverse order on the same thread.
    public GroupScope enter() {
        Task task = Task.current();
        Object outer = task.group();
        task.group(this);
        return new GroupScope(task, this, outer);
    }

    /// Charges `bytes` here and in every ancestor, or nowhere.
    ///
    /// @param force charge even above a limit (NOFAIL, HIGH and reclaim itself: row G5)
    /// @return null if charged, else the group whose limit refused
    public @Nullable MemGroup tryCharge(long bytes, boolean force) {
        for (MemGroup g = this; g != null; g = g.parent) {
            long now = g.charged.addAndGet(bytes);
            if (!force && (now > g.max || g.failed)) {
                g.refused.incrementAndGet();
                g.charged.addAndGet(-bytes);
                for (MemGroup below = this; below != g && below != null; below = below.parent) {
                    below.charged.addAndGet(-bytes);
                }
                return g;
            }
        }
        return null;
    }

    /// Takes a charge back.
    public void uncharge(long bytes) {
        for (MemGroup g = this; g != null; g = g.parent) {
            long now = g.charged.addAndGet(-bytes);
            assert now >= 0 : "a group cannot hold less than nothing";
        }
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
        private final @Nullable Object outer;
        private boolean closed;

        private GroupScope(Task task, MemGroup group, @Nullable Object outer) {
            this.task = task;
            this.group = group;
            this.outer = outer;
        }

        /// Leaves the group.
        ///
        /// @throws IllegalStateException on another thread, twice, or out of order
        @Override
        public void close() {
            if (closed || Task.current() != task || task.group() != group) {
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
