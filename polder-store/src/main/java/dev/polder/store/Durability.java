package dev.polder.store;

/// When [Transaction#commit] returns.
public enum Durability {
    /// When the transaction survives a crash: its group's record is synced. Transactions of several
    /// threads share a sync.
    SYNC,
    /// When others can see it. The committer makes it durable within the commit interval;
    /// [Store#flush] waits for that.
    GROUP
}
