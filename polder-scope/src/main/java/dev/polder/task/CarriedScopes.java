package dev.polder.task;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// One thread's scopes, exclusions and group, copied so that another can enter them.
public final class CarriedScopes {
    private static final Object INSIDE_POLDER = "captured inside Polder";

    // Parallel arrays, outermost first. An entry has bits, or a domain.
    private final int[] bits;
    private final @Nullable Object[] domains;
    private final Object[] sites;
    private final @Nullable Object group;

    private final Task origin;
    private final long innermost; // serial there; 0 when Polder itself set the innermost

    private CarriedScopes(int[] bits, @Nullable Object[] domains, Object[] sites, Task origin,
            long innermost) {
        this.bits = bits;
        this.domains = domains;
        this.sites = sites;
        this.group = origin.group();
        this.origin = origin;
        this.innermost = innermost;
    }

    /// Copies what the task is inside of. Called by its owner.
    public static CarriedScopes of(Task task) {
        int depth = task.depth();
        int guards = task.guards.used();
        int[] bits = new int[depth + guards + 1];
        @Nullable Object[] domains = new Object[depth + guards + 1];
        Object[] sites = new Object[depth + guards + 1];
        int n = 0;
        long innermost = 0;
        int left = task.flags();
        for (int i = 1; i <= depth; i++) {
            int wanted = task.wantedAt(i) & task.flags();
            Object domain = task.domainAt(i);
            if (wanted != 0 || domain != null) { // else an empty token, or one given back
                bits[n] = wanted;
                domains[n] = domain;
                sites[n++] = known(task.siteAt(i));
                innermost = task.serialAt(i);
                left &= ~wanted;
            }
        }
        if (left != 0) { // set by Polder itself: direct reclaim, or a mapping in vmalloc
            bits[n] = left;
            sites[n++] = INSIDE_POLDER;
            innermost = 0;
        }
        for (int i = 0; i < guards; i++) {
            domains[n] = task.guards.domainAt(i);
            sites[n++] = known(task.guards.siteAt(i));
            innermost = task.guards.serialAt(i);
        }
        return new CarriedScopes(
                Arrays.copyOf(bits, n),
                Arrays.copyOf(domains, n),
                Arrays.copyOf(sites, n),
                task,
                innermost);
    }

    private static Object known(@Nullable Object site) {
        return site == null ? INSIDE_POLDER : site;
    }

    /// Puts the current thread inside everything carried, on top of its own.
    public Stay enter(Task task) {
        Stay stay = new Stay(task);
        boolean inside = false;
        try {
            for (int i = 0; i < sites.length; i++) {
                task.openCarried(bits[i], domains[i], sites[i]);
            }
            inside = true;
        } finally {
            if (!inside) { // too deep: the work does not run, and nothing stays behind
                task.unwind(stay.mark, stay.raw);
            }
        }
        stay.entered(task.lastSerial());
        task.group(group);
        task.carried(this);
        return stay;
    }

    /// Whether the thread that handed them over is still inside the innermost: then it may be
    /// waiting for the work. May be called by any thread; the answer can be old.
    public boolean isOpenAtOrigin() {
        return innermost == 0 || (!origin.ended() && origin.isOpen(innermost));
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        int untold = Math.max(0, sites.length - ScopeStack.TOLD);
        for (int i = sites.length - 1; i >= untold; i--) {
            ScopeText.join(text, domains[i] == null
                    ? ScopeText.scope(bits[i], sites[i], false)
                    : ScopeText.exclusion(domains[i], sites[i]));
        }
        ScopeText.more(text, untold, "scopes");
        return text.length() == 0 ? "no scope" : text.toString();
    }

    /// One run of handed-over work on one thread.
    public static final class Stay {
        private final Task task;
        private final int mark;
        private final int raw;
        private final @Nullable Object group;
        private final @Nullable CarriedScopes carried;
        private long lastCarried;

        private Stay(Task task) {
            this.task = task;
            this.mark = task.depth();
            this.raw = task.rawFlags();
            this.group = task.group();
            this.carried = task.carried();
        }

        private void entered(long serial) {
            lastCarried = serial;
        }

        /// Puts the thread back as it was, and reports what the work left open. An exclusion whose
        /// lock the work still holds stays: it is true.
        public void leave() {
            boolean left = task.innermostSerial() > lastCarried
                    || task.guards.newestSerial() > lastCarried;
            String scopes = left ? task.describeScopes() : "";
            task.unwind(mark, raw);
            task.group(group);
            task.carried(carried);
            ScopeReports reports = ScopeReports.get();
            if (left && reports != null) {
                reports.leaked(task.ownerName(), scopes);
            }
        }
    }
}
