package dev.polder.cli.load;

import dev.polder.Polder;
import dev.polder.Registration;
import dev.polder.ShrinkerSpec;
import dev.polder.base.Frames;
import dev.polder.cli.input.Corpus;
import dev.polder.gfp.Gfp;
import dev.polder.page.PageAllocator;
import dev.polder.shrinker.ShrinkControl;
import dev.polder.shrinker.Shrinker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/// Rendered texts: the pool's third user. It has no lock and belongs to no domain, so that it can
/// be dropped under any mask: the bystander, whom reclaim hits that cannot go elsewhere.
final class RenderedCache implements AutoCloseable {

    // Notes. An entry's pins: 0 idle, n > 0 read by n threads, DEAD given up. Only the step from 0
    // to DEAD gives the right to free, so a reader never loses what it reads, and the scan passes
    // over what is being read. The queue is a clock: an entry that was used since it was last
    // looked at goes to the end once more.

    /// What is wanted again so soon after it was taken should not have been taken.
    static final long OVER_RECLAIM_NANOS = 2_000_000_000L;

    private static final int DEAD = Integer.MIN_VALUE;

    /// A text's rendered form, in frames that need not be neighbours.
    private static final class Entry {
        private final int text;
        private final int size;
        private final long[] runs;
        private final AtomicInteger pins = new AtomicInteger();
        private volatile boolean used = true;

        Entry(int text, int size, long[] runs) {
            this.text = text;
            this.size = size;
            this.runs = runs;
        }

        boolean pin() {
            int p = pins.get();
            while (p != DEAD) {
                if (pins.compareAndSet(p, p + 1)) {
                    return true;
                }
                p = pins.get();
            }
            return false;
        }

        void unpin() {
            pins.getAndDecrement();
        }
    }

    private final Corpus corpus;
    private final PageAllocator pages;
    private final MemorySegment memory;
    private final Registration registration;
    private final ConcurrentHashMap<Integer, Entry> entries = new ConcurrentHashMap<>();
    private final ConcurrentLinkedQueue<Entry> clock = new ConcurrentLinkedQueue<>();
    private final AtomicLong count = new AtomicLong();
    private final AtomicLong frames = new AtomicLong();
    private final AtomicLongArray takenAt;          // of each text, when reclaim took it; 0: never

    private final LongAdder hits = new LongAdder();
    private final LongAdder misses = new LongAdder();
    private final LongAdder refaults = new LongAdder();
    private final LongAdder overReclaimed = new LongAdder();
    private final LongAdder failures = new LongAdder();

    RenderedCache(Polder pool, Corpus corpus) {
        this.corpus = corpus;
        this.pages = pool.pages();
        this.memory = pages.memory().segment();
        this.takenAt = new AtomicLongArray(corpus.count());
        long mean = corpus.bytes() / corpus.count() + Frames.SIZE;
        this.registration = pool.register(ShrinkerSpec.of("rendered", new Dropper())
                .batch(16).objectBytes(mean));
    }

    /// Sends the rendered form of a text, from the cache or freshly made.
    ///
    /// @param renderer the calling thread's
    /// @param to where it goes; what does not fit is cut off
    void send(int text, Renderer renderer, byte[] to) {
        Entry entry = entries.get(text);
        if (entry != null && entry.pin()) {
            hits.increment();
            entry.used = true;
            copyOut(entry, to);
            entry.unpin();
            return;
        }
        misses.increment();
        int size = renderer.render(corpus.text(text));
        int count = (int) Frames.count(size);
        noteRefault(text, count);
        keep(text, renderer.bytes(), size, count);
        System.arraycopy(renderer.bytes(), 0, to, 0, Math.min(size, to.length));
    }

    private void noteRefault(int text, int frameCount) {
        long taken = takenAt.getAndSet(text, 0);
        if (taken != 0) {
            refaults.increment();
            if (System.nanoTime() - taken < OVER_RECLAIM_NANOS) {
                overReclaimed.add(frameCount);
            }
        }
    }

    private void keep(int text, byte[] bytes, int size, int frameCount) {
        long[] runs = new long[frameCount];
        for (int i = 0; i < frameCount; i++) {
            runs[i] = pages.alloc(0, Gfp.KERNEL);
            if (runs[i] == 0) {
                failures.increment();
                free(runs);
                return;                 // sent, but not kept
            }
            int from = i * (int) Frames.SIZE;
            int length = Math.min(size - from, (int) Frames.SIZE);
            MemorySegment.copy(bytes, from, page(runs[i]), ValueLayout.JAVA_BYTE, 0,
                    length);
        }
        Entry entry = new Entry(text, size, runs);
        if (entries.putIfAbsent(text, entry) == null) {
            count.getAndIncrement();
            frames.getAndAdd(frameCount);
            clock.add(entry);
        } else {
            free(runs);                 // another thread rendered it meanwhile
        }
    }

    private void copyOut(Entry entry, byte[] to) {
        int length = Math.min(entry.size, to.length);
        for (int i = 0; i < entry.runs.length; i++) {
            int from = i * (int) Frames.SIZE;
            if (from < length) {
                MemorySegment.copy(page(entry.runs[i]), ValueLayout.JAVA_BYTE, 0, to,
                        from, Math.min(length - from, (int) Frames.SIZE));
            }
        }
    }

    private MemorySegment page(long run) {
        return memory.asSlice(pages.address(run) - pages.memory().base(), Frames.SIZE);
    }

    private void free(long[] runs) {
        for (long run : runs) {
            if (run != 0) {
                pages.free(run);
            }
        }
    }

    /// Gives an entry up.
    ///
    /// @return false when somebody reads it
    private boolean drop(Entry entry) {
        if (!entry.pins.compareAndSet(0, DEAD)) {
            return false;
        }
        entries.remove(entry.text, entry);
        count.getAndDecrement();
        frames.getAndAdd(-entry.runs.length);
        free(entry.runs);
        return true;
    }

    /// Bytes that it holds.
    long heldBytes() {
        return frames.get() * Frames.SIZE;
    }

    /// Requests that were served from the cache.
    long hits() {
        return hits.sum();
    }

    /// Requests that had to render.
    long misses() {
        return misses.sum();
    }

    /// Texts rendered again after reclaim had taken them.
    long refaults() {
        return refaults.sum();
    }

    /// Frames taken by reclaim and wanted again within [#OVER_RECLAIM_NANOS].
    long overReclaimedFrames() {
        return overReclaimed.sum();
    }

    /// Texts that could not be kept for shortage.
    long failures() {
        return failures.sum();
    }

    @Override
    public void close() {
        registration.close();
        for (@Nullable Entry e = clock.poll(); e != null; e = clock.poll()) {
            boolean dropped = drop(e);
            assert dropped : "text " + e.text + " is read while the cache is closed";
        }
    }

    /// Gives the least used texts back. Waits for nothing and takes no lock, so that mask, domain
    /// and `mayWait` are all the same to it.
    private final class Dropper implements Shrinker {
        @Override
        public long count(ShrinkControl sc) {
            long n = count.get();
            return n == 0 ? EMPTY : n;
        }

        @Override
        public long scan(ShrinkControl sc) {
            long dropped = 0;
            for (long looked = 0; looked < sc.toScan(); looked++) {
                Entry entry = clock.poll();
                if (entry == null) {
                    break;
                }
                boolean spared = entry.used;
                entry.used = false;
                if (!spared && drop(entry)) {
                    takenAt.set(entry.text, System.nanoTime());
                    dropped++;
                } else {
                    clock.add(entry);
                }
            }
            return dropped;
        }
    }
}
