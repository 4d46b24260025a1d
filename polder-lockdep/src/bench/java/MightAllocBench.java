import dev.polder.lockdep.engine.Lockdep;
import dev.polder.lockdep.engine.ReclaimLevel;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.Arrays;

/// What it costs to tell the engine of an allocation while no lock is held: the median CPU time in
/// nanoseconds of a step of a loop with the call and without.
public final class MightAllocBench {
    private static final int ROUNDS = 15;
    private static final int OPERATIONS = 20_000_000;
    private static final Lockdep ENGINE = new Lockdep();
    private static final Lockdep.Exclusions NONE = domain -> false;

    private MightAllocBench() {}

    public static void main(String[] args) {
        ThreadMXBean threads = ManagementFactory.getThreadMXBean();
        double[] without = new double[ROUNDS];
        double[] with = new double[ROUNDS];
        long sum = 0;
        for (int round = -5; round < ROUNDS; round++) { // the first five warm up
            long start = threads.getCurrentThreadCpuTime();
            sum += loop(OPERATIONS, round);
            long middle = threads.getCurrentThreadCpuTime();
            sum += loopTelling(OPERATIONS, round);
            long end = threads.getCurrentThreadCpuTime();
            if (round >= 0) {
                without[round] = (middle - start) / (double) OPERATIONS;
                with[round] = (end - middle) / (double) OPERATIONS;
            }
        }
        Arrays.sort(without);
        Arrays.sort(with);
        System.out.printf("without %.2f  with %.2f  (%d)%n",
                without[ROUNDS / 2], with[ROUNDS / 2], sum & 1);
    }

    private static long loop(int n, long x) {
        for (int i = 0; i < n; i++) {
            x = x * 31 + i;
        }
        return x;
    }

    private static long loopTelling(int n, long x) {
        for (int i = 0; i < n; i++) {
            ENGINE.mightAlloc(ReclaimLevel.KERNEL, NONE);
            x = x * 31 + i;
        }
        return x;
    }
}
