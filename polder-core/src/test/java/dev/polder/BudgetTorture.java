package dev.polder;

import dev.polder.base.Check;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;

/// The child of [BudgetTortureTest].
final class BudgetTorture {
    static final long BUDGET = 32L << 20;
    private static final int THREADS = 4;
    private static final int ROUNDS = 10;
    /// Of a thread in a round.
    private static final int STEPS = 3_000;
    private static final long PAUSE_MILLIS = 20;

    private static final Queue<Throwable> FAILURES = new ConcurrentLinkedQueue<>();

    private BudgetTorture() {}

    public static void main(String[] args) throws Exception {
        long claimed = Long.parseLong(args[0]);
        long seed = Long.getLong("polder.torture.seed", System.nanoTime());
        System.out.println("seed " + seed);
        long before = sharedBytes();
        Polder pool = Polder.open(PolderConfig.builder().name("torture").budget(BUDGET).build());
        Workload work = new Workload(pool, 1_500, 20);
        Registration registration = pool.register(
                ShrinkerSpec.of("work", work).batch(16));
        long mostResident = 0;
        long mostShared = 0;
        for (int round = 0; round < ROUNDS; round++) {
            for (Thread t : start(work, new SplittableRandom(seed + round))) {
                while (!t.join(Duration.ofMillis(PAUSE_MILLIS))) {
                    mostResident = Math.max(mostResident, pool.memInfo().resident());
                }
            }
            // The system adds its figure up mapping by mapping: what is mapped anew meanwhile
            // would be counted at both places. Between two rounds nothing is.
            mostShared = Math.max(mostShared, sharedBytes() - before);
        }
        for (Throwable t : FAILURES) {
            throw new IllegalStateException("seed " + seed, t);
        }
        System.out.println("blocks " + work.served() + ", most resident " + mostResident
                + ", most shared memory by Pss " + mostShared);
        Check.that(mostShared > BUDGET * 3 / 4, "the torture did not use the pool");
        if (Math.max(mostResident, mostShared) > claimed) {
            throw new IllegalStateException("above the budget: " + claimed);
        }
        System.out.println("nothing above the budget");
        registration.close();
        work.close();
        pool.verify();
        Check.that(pool.memInfo().vmalloc() == 0, "an area is left");
        pool.close();
        System.out.println("nothing left");
    }

    private static List<Thread> start(Workload work, SplittableRandom seeds) {
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < THREADS; i++) {
            Thread.Builder builder = i % 2 == 0 ? Thread.ofPlatform() : Thread.ofVirtual();
            SplittableRandom random = seeds.split();
            threads.add(builder.start(() -> run(work, random)));
        }
        return threads;
    }

    private static void run(Workload work, SplittableRandom random) {
        try {
            for (int i = 0; i < STEPS && FAILURES.isEmpty(); i++) {
                work.step(random);
            }
        } catch (Throwable t) {
            FAILURES.add(t);
        }
    }

    /// What this process holds of shared memory, a page mapped twice counted once.
    private static long sharedBytes() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/self/smaps_rollup"))) {
            if (line.startsWith("Pss_Shmem:")) {
                return Long.parseLong(line.replaceAll("\\D", "")) << 10;
            }
        }
        throw new IOException("no Pss_Shmem in smaps_rollup");
    }
}
