package dev.polder.cli.load;

import dev.polder.store.ReclaimPolicy;
import java.util.Arrays;
import java.util.List;

/// The policies that the demo compares. What a store may reclaim while it holds its locks is its
/// [ReclaimPolicy], read where scopes and masks are set; the others concern the pool around it.
public enum DemoPolicy {
    /// Every allocation may reclaim anything: deadlocks.
    UNGUARDED("unguarded", ReclaimPolicy.UNGUARDED),
    /// NOFS on every allocation of the stores.
    MASK("mask", ReclaimPolicy.MASK),
    /// NOFS for the time of a journal handle.
    SCOPE("scope", ReclaimPolicy.SCOPE),
    /// Only the own store is left out for the time of a journal handle.
    DOMAIN("domain", ReclaimPolicy.DOMAIN),
    /// What people do today: three pools of a third each. Inside each it is as [#SCOPE].
    SPLIT("split", ReclaimPolicy.SCOPE),
    /// [#SCOPE] with the scope around writeback taken away: deadlocks.
    NO_NOIO("no-noio", ReclaimPolicy.SCOPE);

    private final String title;
    private final ReclaimPolicy store;

    DemoPolicy(String title, ReclaimPolicy store) {
        this.title = title;
        this.store = store;
    }

    /// What the demo runs when nothing is said: all but the one that breaks on purpose.
    public static List<DemoPolicy> usual() {
        return Arrays.stream(values()).filter(p -> p != NO_NOIO).toList();
    }

    /// The name in tables and files.
    public String title() {
        return title;
    }

    /// The stores' own policy.
    public ReclaimPolicy store() {
        return store;
    }

    /// Whether each user has a pool of its own.
    public boolean split() {
        return this == SPLIT;
    }

    /// Whether writeback runs inside a NOIO scope.
    public boolean noIoWriteback() {
        return this != NO_NOIO;
    }

    /// Whether it is meant to work.
    public boolean guarded() {
        return this != UNGUARDED && this != NO_NOIO;
    }
}
