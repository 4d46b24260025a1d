package dev.polder;

import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import dev.polder.base.Check;
import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.os.Mapping;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/// The child of [MappingLimitTest]: makes single frames of all free memory, and has four threads
/// take areas of 64 pieces until there is no mapping left.
final class MappingHog {
    private static final int THREADS = 4;
    private static final long SIZE = 64 * Frames.SIZE;
    /// A pool whose free half is single frames, more of them than there are mappings.
    private static final long BUDGET = 192L << 20;

    private final Polder pool =
            Polder.open(PolderConfig.builder().name("hog").budget(BUDGET).build());
    private final Queue<MemorySegment> areas = new ConcurrentLinkedQueue<>();
    private final Queue<String> refusals = new ConcurrentLinkedQueue<>();
    private final Queue<Throwable> failures = new ConcurrentLinkedQueue<>();

    private MappingHog() {}

    public static void main(String[] args) throws Exception {
        new MappingHog().run();
    }

    private void run() throws Exception {
        final List<Long> held = fragment();
        onThreads(this::hog);
        System.out.println(refusals.size() + " threads were refused");
        System.out.println(refusals.peek());
        Check.that(pool.memInfo().free() > pool.memInfo().high() + SIZE, "memory ran out first");
        compareWithSystem();
        checkPatterns();
        live();

        // All threads free and take at the limit, where each new area needs a purge.
        onThreads(this::exchange);
        checkPatterns();
        pool.verify();
        System.out.println("freed and taken again at the limit");

        areas.forEach(pool::free);
        held.forEach(pool.pages()::free);
        pool.verify();
        Check.that(pool.memInfo().vmalloc() == 0, "an area is left");
        pool.close();
        System.out.println("nothing left behind");
    }

    /// Takes every frame and gives every second one back.
    private List<Long> fragment() {
        List<Long> held = new ArrayList<>();
        List<Long> given = new ArrayList<>();
        int silent = Gfp.NOWARN | Gfp.MEMALLOC;
        for (long run = pool.pages().alloc(0, silent); run != 0;
                run = pool.pages().alloc(0, silent)) {
            (run % 2 == 0 ? given : held).add(run);
        }
        given.forEach(pool.pages()::free);
        return held;
    }

    private void onThreads(Runnable body) throws InterruptedException {
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < THREADS; i++) {
            threads.add(Thread.ofPlatform().start(() -> {
                try {
                    body.run();
                } catch (Throwable t) {
                    failures.add(t);
                }
            }));
        }
        for (Thread t : threads) {
            t.join();
        }
        for (Throwable t : failures) {
            throw new IllegalStateException("on a thread of the hog", t);
        }
    }

    private void hog() {
        try {
            while (true) {
                keep(pool.allocate(SIZE, Gfp.KERNEL));
            }
        } catch (AllocationFailedException e) {
            refusals.add(e.getMessage());
        }
    }

    private void exchange() {
        for (int i = 0; i < 100; i++) {
            MemorySegment old = areas.remove();
            check(old);
            pool.free(old);
            // Of another size than the freed ones, so that none can be taken as it is.
            MemorySegment s = pool.tryAllocate(SIZE / 2 + i % 7 * Frames.SIZE, Gfp.KERNEL);
            if (s != null) {
                keep(s);
            }
        }
    }

    private void keep(MemorySegment s) {
        for (long at = 0; at < s.byteSize(); at += Frames.SIZE) {
            s.set(JAVA_LONG_UNALIGNED, at, s.address() ^ at);
        }
        areas.add(s);
    }

    private void checkPatterns() {
        areas.forEach(MappingHog::check);
    }

    private static void check(MemorySegment s) {
        for (long at = 0; at < s.byteSize(); at += Frames.SIZE) {
            Check.that(s.get(JAVA_LONG_UNALIGNED, at) == (s.address() ^ at),
                    "two areas share a frame");
        }
    }

    /// At a standstill the process has exactly the mappings that were paid for.
    private void compareWithSystem() throws IOException {
        long from = pool.pages().memory().base();
        long size = pool.pages().memory().segment().byteSize();
        // One mapping more in front: the covered head of the reservation.
        int mapped = Mapping.within(from, from + size).size() + 1;
        MemInfo info = pool.memInfo();
        Check.that(mapped == info.mappingsUsed(),
                mapped + " mappings, " + info.mappingsUsed() + " paid for");
        Check.that(info.mappingsUsed() <= info.mappingsLimit(), "more than the limit");
        pool.verify();
        System.out.println("mapped as often as paid for: " + info.mappingsUsed() + " of "
                + info.mappingsLimit());
    }

    /// What a JVM does that has no mapping left: it cannot.
    private static void live() throws InterruptedException {
        byte[][] heap = new byte[32][];
        for (int i = 0; i < heap.length; i++) {
            int n = i;
            Thread t = Thread.ofPlatform().start(() -> heap[n] = new byte[1 << 20]);
            t.join();
        }
        System.gc();
        for (byte[] block : heap) {
            Check.that(block != null, "a thread did not run");
        }
    }
}
