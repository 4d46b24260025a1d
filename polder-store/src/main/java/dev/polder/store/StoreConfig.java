package dev.polder.store;

import dev.polder.store.file.StoreFile;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;

/// How a store is opened. Immutable; made by [#builder].
public final class StoreConfig {
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9._-]{1,32}");
    /// The journal of a new store: room for two groups of a pool of 128 MiB (see
    /// [#transactionPages]).
    private static final long JOURNAL_BYTES = 16L << 20;
    private static final long LEAST_JOURNAL = 1L << 20;
    /// Long enough for many transactions to share a sync, short enough for people not to notice.
    private static final int INTERVAL_MILLIS = 10;

    private final String name;
    private final ReclaimPolicy policy;
    private final Durability durability;
    private final int commitIntervalMillis;
    private final boolean noIoWriteback;
    private final boolean compression;
    private final long journalBytes;
    private final int transactionPages;
    private final int dirtyPages;
    private final boolean cleanPagesInDomain;
    private final boolean create;
    private final UnaryOperator<StoreFile> files;
    private final boolean forceMayWait;

    private StoreConfig(Builder b) {
        name = b.name;
        policy = b.policy;
        durability = b.durability;
        commitIntervalMillis = b.commitIntervalMillis;
        noIoWriteback = b.noIoWriteback;
        compression = b.compression;
        journalBytes = b.journalBytes;
        transactionPages = b.transactionPages;
        dirtyPages = b.dirtyPages;
        cleanPagesInDomain = b.cleanPagesInDomain;
        create = b.create;
        files = b.files;
        forceMayWait = b.forceMayWait;
    }

    /// A builder with the defaults.
    public static Builder builder() {
        return new Builder();
    }

    /// For threads, shrinkers and messages.
    public String name() {
        return name;
    }

    /// How the store keeps reclaim out of what it holds.
    public ReclaimPolicy policy() {
        return policy;
    }

    /// When a commit returns.
    public Durability durability() {
        return durability;
    }

    /// Longest time that a finished transaction waits for its group's commit.
    public int commitIntervalMillis() {
        return commitIntervalMillis;
    }

    /// Whether the flusher works in a NOIO scope.
    public boolean noIoWriteback() {
        return noIoWriteback;
    }

    /// Whether structured pages are packed when they are written in place.
    public boolean compression() {
        return compression;
    }

    /// Size of a new store's journal.
    public long journalBytes() {
        return journalBytes;
    }

    /// Pages that one transaction may change. They stay in memory until its commit, as do those of
    /// the group before it: by default a 32nd of the pool, so that a few stores fit one pool, or
    /// what a quarter of the journal holds if that is less.
    public int transactionPages() {
        return transactionPages;
    }

    /// Dirty pages from which on writers wait for the flusher: by default a 16th of the pool.
    public int dirtyPages() {
        return dirtyPages;
    }

    /// Whether the shrinker of clean value pages is of the store's domain, too. It takes no lock
    /// that a writer holds, so that false is safe, and lets the store's own writer reclaim its
    /// value pages under [ReclaimPolicy#DOMAIN].
    public boolean cleanPagesInDomain() {
        return cleanPagesInDomain;
    }

    /// Whether a store is made where there is none.
    public boolean create() {
        return create;
    }

    UnaryOperator<StoreFile> files() {
        return files;
    }

    boolean forceMayWait() {
        return forceMayWait;
    }

    /// Collects the settings.
    public static final class Builder {
        private String name = "store";
        private ReclaimPolicy policy = ReclaimPolicy.SCOPE;
        private Durability durability = Durability.SYNC;
        private int commitIntervalMillis = INTERVAL_MILLIS;
        private boolean noIoWriteback = true;
        private boolean compression = true;
        private long journalBytes = JOURNAL_BYTES;
        private int transactionPages;
        private int dirtyPages;
        private boolean cleanPagesInDomain = true;
        private boolean create = true;
        private UnaryOperator<StoreFile> files = UnaryOperator.identity();
        private boolean forceMayWait;

        private Builder() {}

        /// 1 to 32 letters, digits, `.`, `_`, `-`.
        public Builder name(String value) {
            if (!NAME.matcher(value).matches()) {
                throw new IllegalArgumentException("a store's name is 1 to 32 letters, digits,"
                        + " '.', '_' or '-', not '" + value + "'");
            }
            name = value;
            return this;
        }

        /// See [StoreConfig#policy].
        public Builder policy(ReclaimPolicy value) {
            policy = value;
            return this;
        }

        /// See [StoreConfig#durability].
        public Builder durability(Durability value) {
            durability = value;
            return this;
        }

        /// See [StoreConfig#commitIntervalMillis]; 1 or more.
        public Builder commitIntervalMillis(int value) {
            commitIntervalMillis = atLeast("commitIntervalMillis", 1, value);
            return this;
        }

        /// See [StoreConfig#noIoWriteback].
        public Builder noIoWriteback(boolean value) {
            noIoWriteback = value;
            return this;
        }

        /// See [StoreConfig#compression].
        public Builder compression(boolean value) {
            compression = value;
            return this;
        }

        /// See [StoreConfig#journalBytes]; 1 MiB or more.
        public Builder journalBytes(long value) {
            if (value < LEAST_JOURNAL) {
                throw new IllegalArgumentException("journalBytes must be at least " + LEAST_JOURNAL
                        + ", not " + value);
            }
            journalBytes = value;
            return this;
        }

        /// See [StoreConfig#transactionPages]; 16 or more.
        public Builder transactionPages(int value) {
            transactionPages = atLeast("transactionPages", 16, value);
            return this;
        }

        /// See [StoreConfig#dirtyPages]; 16 or more.
        public Builder dirtyPages(int value) {
            dirtyPages = atLeast("dirtyPages", 16, value);
            return this;
        }

        /// See [StoreConfig#cleanPagesInDomain].
        public Builder cleanPagesInDomain(boolean value) {
            cleanPagesInDomain = value;
            return this;
        }

        /// See [StoreConfig#create].
        public Builder create(boolean value) {
            create = value;
            return this;
        }

        /// For tests: stands between the store and its files.
        Builder files(UnaryOperator<StoreFile> value) {
            files = value;
            return this;
        }

        /// For tests: shrinkers wait although they may not. What must hang then hangs.
        Builder forceMayWait(boolean value) {
            forceMayWait = value;
            return this;
        }

        /// The settings, fixed.
        public StoreConfig build() {
            return new StoreConfig(this);
        }

        private static int atLeast(String what, int least, int value) {
            if (value < least) {
                throw new IllegalArgumentException(what + " must be at least " + least + ", not "
                        + value);
            }
            return value;
        }
    }
}
