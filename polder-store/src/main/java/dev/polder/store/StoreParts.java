package dev.polder.store;

import dev.polder.Polder;
import dev.polder.base.Frames;
import dev.polder.gfp.ReclaimDomain;
import dev.polder.store.btree.SpaceMap;
import dev.polder.store.btree.TreeReader;
import dev.polder.store.btree.TreeView;
import dev.polder.store.btree.TreeWalk;
import dev.polder.store.btree.TreeWriter;
import dev.polder.store.btree.WriteSet;
import dev.polder.store.cache.PageCache;
import dev.polder.store.file.JournalFormat;
import dev.polder.store.file.PageImage;
import dev.polder.store.file.StoreFile;
import dev.polder.store.file.StoreFiles;
import dev.polder.store.file.StoreMeta;
import dev.polder.store.file.Superblock;
import dev.polder.store.flush.Flusher;
import dev.polder.store.journal.Committer;
import dev.polder.store.journal.Journal;
import dev.polder.store.journal.Recovery;
import dev.polder.store.pool.StorePool;
import dev.polder.store.watch.Waits;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;

/// The parts of an open store, put together and taken apart: the only place that wires.
///
/// Order of taking apart: no new handles, scans go on; the committer writes what there is; a last
/// checkpoint; the flusher ends; the shrinkers go, with whoever is in them; then the memory, then
/// the files.
final class StoreParts {
    private final StoreConfig config;
    private final StoreFiles files;
    private final StorePool pool;
    private final MemorySegment fixed;
    private final PageCache cache;
    private final TreeView view;
    private final TreeReader reader;
    private final SpaceMap space;
    private final Journal journal;
    private final Committer committer;
    private final Flusher flusher;
    private final StoreShrinkers shrinkers;
    private final Thread committerThread;
    private final Thread flusherThread;
    private final int transactionPages;
    private final int dirtyPages;
    private final LongAdder runBytes = new LongAdder();

    private StoreParts(StoreConfig config, Polder polder, ReclaimDomain domain, StoreFiles files,
            StorePool pool, MemorySegment fixed) throws IOException {
        this.config = config;
        this.files = files;
        this.pool = pool;
        this.fixed = fixed;
        int frames = (int) Math.min(Integer.MAX_VALUE, polder.config().budget() / Frames.SIZE);
        long blocks = files.journal().size() / JournalFormat.BLOCK;
        transactionPages = transactionPages(config.transactionPages(), frames, blocks);
        dirtyPages = config.dirtyPages() != 0 ? config.dirtyPages() : Math.max(128, frames / 16);

        Superblock start = new Recovery(files.data(), files.journal(), fixed).run();
        cache = new PageCache(pool);
        view = new TreeView(cache, pool, files.data(), start.meta());
        reader = new TreeReader(view, cache, pool, files.data());
        space = new SpaceMap(files.data());
        space.load(start.meta().pages(), fixed.asSlice(0, PageImage.SIZE));
        journal = new Journal(new Journal.Start(config.name(), domain, start.nextGroup(),
                start.tail(), start.meta(), blocks), pool, cache, transactionPages,
                downstream());
        MemorySegment reserve = fixed.asSlice(0, Flusher.reserveBytes());
        flusher = new Flusher(new Flusher.Setup(config.name(), dirtyPages / 2,
                config.compression()), cache, pool, journal, files.data(), reserve, start);
        long interval = TimeUnit.MILLISECONDS.toNanos(config.commitIntervalMillis());
        committer = new Committer(journal, new Committer.Files(files.data(), files.journal(),
                start.store(), start.epoch(), start.tail(), interval), pool,
                fixed.asSlice(Flusher.reserveBytes()));
        shrinkers = new StoreShrinkers(config, journal, cache, flusher);
        committerThread = thread("committer", committer);
        flusherThread = thread("flusher", flusher);
    }

    private Journal.Downstream downstream() {
        return new Journal.Downstream() {
            @Override
            public void spaceWanted() {
                flusher.wantCheckpoint();
            }

            @Override
            public void committed() {
                flusher.committed();
            }
        };
    }

    /// A group takes handles until it has as many pages as a transaction may have; with that last
    /// transaction it must fit half of the journal, so that the next one can be written while the
    /// checkpoint makes room.
    private static int transactionPages(int wanted, int frames, long blocks) throws IOException {
        // Twice a quarter, less the descriptors (one for 338 pages) and commit blocks.
        long most = blocks / 4 - blocks / 512 - 2;
        assert JournalFormat.blocks(2 * most) <= blocks / 2 : blocks;
        if (wanted > most) {
            throw new IOException("its journal of " + blocks * JournalFormat.BLOCK
                    + " bytes is too small for transactions of " + wanted + " pages (" + most
                    + " at most): make the store with a larger journal, or lower transactionPages");
        }
        return wanted != 0 ? wanted : (int) Math.min(most, Math.max(64, frames / 32));
    }

    static StoreParts open(Path dir, Polder polder, StoreConfig config, ReclaimDomain domain)
            throws IOException {
        StorePool pool = new StorePool(config.name(), polder,
                new PolicyRestraint(config.policy(), config.noIoWriteback()), Flusher.inFlight());
        MemorySegment fixed = null;
        StoreFiles files = null;
        boolean done = false;
        try {
            MemorySegment memory =
                    pool.buffer(Flusher.reserveBytes() + Committer.stagingBytes());
            fixed = memory;
            files = StoreFiles.open(dir, config.create()
                    ? (data, journal) -> format(data, journal, config, memory) : null,
                    config.files());
            StoreParts parts = new StoreParts(config, polder, domain, files, pool, memory);
            parts.shrinkers.register(polder, config, domain);
            parts.committerThread.start();
            parts.flusherThread.start();
            done = true;
            return parts;
        } finally {
            if (!done) {
                if (files != null) {
                    files.close();
                }
                if (fixed != null) {
                    pool.freeBuffer(fixed);
                }
                pool.close();
            }
        }
    }

    /// An empty store: a superblock, a space page, a leaf; a journal of zeroes.
    private static void format(StoreFile data, StoreFile journal, StoreConfig config,
            MemorySegment scratch) throws IOException {
        StoreFiles.lengthen(journal, config.journalBytes() / JournalFormat.BLOCK
                * JournalFormat.BLOCK);
        long root = 3;
        MemorySegment page = scratch.asSlice(0, PageImage.SIZE);
        SpaceMap.format(page, root + 1);
        PageImage.seal(page, 0);
        data.write(page.asByteBuffer(), PageImage.number(page) * PageImage.SIZE);
        PageImage.format(page, PageImage.LEAF, 0, root);
        PageImage.seal(page, 0);
        data.write(page.asByteBuffer(), root * PageImage.SIZE);
        long store = ThreadLocalRandom.current().nextLong();
        StoreMeta meta = new StoreMeta(root, 1, root + 1, 0, 1);
        new Superblock(1, store, 1, 1, 0, meta).write(data, page);
    }

    private Thread thread(String what, Runnable work) {
        return Thread.ofPlatform().daemon().name("polder-" + config.name() + "-" + what)
                .unstarted(work);
    }

    StorePool pool() {
        return pool;
    }

    PageCache cache() {
        return cache;
    }

    TreeView view() {
        return view;
    }

    TreeReader reader() {
        return reader;
    }

    SpaceMap space() {
        return space;
    }

    Journal journal() {
        return journal;
    }

    Committer committer() {
        return committer;
    }

    Flusher flusher() {
        return flusher;
    }

    StoreShrinkers shrinkers() {
        return shrinkers;
    }

    Thread committerThread() {
        return committerThread;
    }

    Thread flusherThread() {
        return flusherThread;
    }

    int dirtyPages() {
        return dirtyPages;
    }

    void runBytes(long bytes) {
        runBytes.add(bytes);
    }

    long runBytes() {
        return runBytes.sum();
    }

    WriteSet newSet() {
        return new WriteSet(cache, pool, view::load, space, transactionPages);
    }

    TreeWriter newWriter(WriteSet set, StoreMeta meta) {
        return new TreeWriter(set, space, files.data(), reader, meta);
    }

    /// Walks everything. With the write lock held.
    void verify() throws IOException {
        cache.verify();
        new TreeWalk(newSet(), view.meta(), cache, pool, files.data()).run(space);
    }

    /// Wakes whoever waits in a scan or for a handle: the store is closing.
    void release() {
        journal.close();
        flusher.releaseScans();
    }

    /// Writes what there is and ends the threads. With the write lock held.
    void stop() throws IOException {
        try {
            join(committerThread);
            if (journal.failure() == null) {
                flusher.checkpoint();
            }
        } finally {
            flusher.close();
            join(flusherThread);
        }
    }

    /// Waits for the end of a thread; an interrupt does not end the wait and is kept.
    private static void join(Thread t) {
        boolean interrupted = false;
        while (t.isAlive()) {
            try {
                t.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /// Gives everything back. Nobody uses the store any more.
    void giveBack() throws IOException {
        try {
            shrinkers.close();
            cache.clear();
            journal.abandon();
            pool.freeBuffer(fixed);
            pool.close();
        } finally {
            files.close();
        }
    }

    void held(List<Waits.Held> list) {
        journal.held(list, committerThread, flusherThread);
        flusher.held(list, flusherThread);
    }
}
