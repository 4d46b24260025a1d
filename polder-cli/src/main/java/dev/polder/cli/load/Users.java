package dev.polder.cli.load;

import dev.polder.base.Frames;
import dev.polder.cli.input.Corpus;
import dev.polder.cli.load.Pools.User;
import dev.polder.cli.trace.Op;
import dev.polder.store.Durability;
import dev.polder.store.Store;
import dev.polder.store.StoreConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicLongArray;

/// The three users of the memory, and the operations on them.
final class Users implements AutoCloseable, Crew.Operations {

    /// A user whom nobody asked for anything for so long lies idle.
    private static final long IDLE_NANOS = 250_000_000;

    /// Writers wait when a fifth of the memory is dirty, as on Linux (`vm.dirty_ratio`).
    private static final int DIRTY_PART = 5;

    /// Two commit groups of that many pages, and as much again while a checkpoint makes room.
    private static final long JOURNAL_BYTES = 96L << 20;

    private final RunPlan plan;
    private final Pools pools;
    private final Texts texts;
    private final Index index;
    private final RenderedCache rendered;
    private final AtomicLongArray usedAt = new AtomicLongArray(User.values().length);
    private Store textStore;
    private Store indexStore;

    /// Opens both stores in the plan's folder; makes them where there are none.
    Users(RunPlan plan, Pools pools, Corpus corpus, Shards shards) throws IOException {
        this.plan = plan;
        this.pools = pools;
        textStore = open(User.TEXTS);
        indexStore = open(User.INDEX);
        texts = new Texts(corpus, textStore, plan.budgetBytes());
        index = new Index(corpus, indexStore, shards);
        rendered = new RenderedCache(pools.of(User.RENDERED), corpus);
    }

    private Store open(User user) throws IOException {
        String name = user.name().toLowerCase(Locale.ROOT);
        Path folder = Files.createDirectories(plan.stores().resolve(name));
        return Store.open(folder, pools.of(user), StoreConfig.builder().name(name)
                .policy(plan.policy().store()).noIoWriteback(plan.policy().noIoWriteback())
                .durability(Durability.GROUP).cleanPagesInDomain(false)
                .transactionPages(transactionPages()).dirtyPages(dirtyPages(user))
                .journalBytes(JOURNAL_BYTES).build());
    }

    /// A merge may change all leaves of a shard, which are half full at worst, and split many.
    private int transactionPages() {
        return (int) (3 * Index.shardBytes(plan.budgetBytes()) / Frames.SIZE) + 128;
    }

    private int dirtyPages(User user) {
        return (int) (pools.of(user).config().budget() / Frames.SIZE / DIRTY_PART);
    }

    /// The text store.
    Texts texts() {
        return texts;
    }

    /// The index.
    Index index() {
        return index;
    }

    /// The rendered texts.
    RenderedCache rendered() {
        return rendered;
    }

    /// The store of a user.
    Store store(User user) {
        return switch (user) {
            case TEXTS -> textStore;
            case INDEX -> indexStore;
            case RENDERED -> throw new IllegalArgumentException("rendered texts have no store");
        };
    }

    @Override
    public void perform(long packed, Renderer renderer, byte[] to) {
        int text = Op.text(packed);
        int detail = Op.detail(packed);
        Op op = Op.of(packed);
        User user = switch (op) {
            case UPDATE, READ -> User.TEXTS;
            case MERGE, SEARCH -> User.INDEX;
            case RENDER -> User.RENDERED;
        };
        used(user);
        switch (op) {
            case UPDATE -> texts.update(text, detail);
            case MERGE -> index.merge();
            case READ -> texts.read(text);
            case SEARCH -> index.search(text, detail);
            case RENDER -> rendered.send(text, renderer, to);
        }
        used(user);
    }

    private void used(User user) {
        usedAt.setOpaque(user.ordinal(), System.nanoTime());
    }

    /// Bytes that users hold whom nobody uses just now. With a pool each, what is free in an idle
    /// user's pool lies idle, too: no one else can have it.
    long idleBytes() {
        long now = System.nanoTime();
        long idle = 0;
        for (User user : User.values()) {
            if (now - usedAt.getOpaque(user.ordinal()) > IDLE_NANOS) {
                idle += heldBytes(user);
                if (pools.split()) {
                    idle += pools.of(user).memInfo().free();
                }
            }
        }
        return idle;
    }

    /// Bytes that a user holds in its cache.
    long heldBytes(User user) {
        return user == User.RENDERED ? rendered.heldBytes()
                : store(user).stats().framesHeld() * Frames.SIZE;
    }

    /// Makes everything acknowledged durable, and closes and opens both stores: what is read
    /// afterwards comes from the disk.
    void reopen() throws IOException {
        textStore.close();
        indexStore.close();
        textStore = open(User.TEXTS);
        indexStore = open(User.INDEX);
        texts.reopened(textStore);
        index.reopened(indexStore);
    }

    @Override
    public void close() {
        rendered.close();
        indexStore.close();
        textStore.close();
    }
}
