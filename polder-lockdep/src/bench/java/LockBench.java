import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.IntUnaryOperator;

/// What the agent costs: uncontended pairs of locking, and a program that is busy elsewhere.
///
/// Run it with the agent and without, and compare. Prints the median CPU time of an operation in
/// nanoseconds, over rounds that take turns, so that a busy neighbour hurts all cases alike. The
/// warm-up runs all cases, as a program would, so that none has the hooks for itself.
///
/// Arguments: the cases, none for all.
public final class LockBench {
    private static final int ROUNDS = 15;
    private static final int OPERATIONS = 1_000_000;

    private final Object outer = new Gate();
    private final Object middle = new Door();
    private final Object inner = new Drawer();
    private final ReentrantLock outerLock = new ReentrantLock();
    private final ReentrantLock innerLock = new ReentrantLock();
    private final Lock asLock = new ReentrantLock();
    private final ReentrantReadWriteLock pair = new ReentrantReadWriteLock();
    private final Gate[] gates = {new Gate(), new Gate()};
    private final byte[] text = new byte[1 << 16];
    private final int[] slots = new int[64];
    private int sum;

    private static final class Gate {
        private int passed;

        synchronized void pass() {
            passed++;
        }

        synchronized void passAndLook() {
            passed++;
            look();
        }

        private void look() {
            passed--;
        }
    }

    private static final class Door {}

    private static final class Drawer {}

    private final Map<String, IntUnaryOperator> cases = new TreeMap<>(Map.of(
            "block-that-calls", this::blockThatCalls,
            "method-that-calls", this::methodThatCalls,
            "method", this::method,
            "nested-blocks", this::nestedBlocks,
            "three-blocks", this::threeBlocks,
            "reentrant-lock", this::reentrantLock,
            "nested-locks", this::nestedLocks,
            "lock-and-block", this::lockAndBlock,
            "interface-lock", this::interfaceLock,
            "read-lock", this::readLock));

    private LockBench() {
        cases.put("elsewhere", this::elsewhere);
        cases.put("block", this::block);
    }

    public static void main(String[] args) {
        LockBench bench = new LockBench();
        bench.run(args.length == 0 ? List.copyOf(bench.cases.keySet()) : List.of(args));
    }

    private void run(List<String> names) {
        ThreadMXBean threads = ManagementFactory.getThreadMXBean();
        double[][] nanos = new double[names.size()][ROUNDS];
        for (int round = -5; round < ROUNDS; round++) { // the first five warm up
            for (int i = 0; i < names.size(); i++) {
                IntUnaryOperator one = cases.get(names.get(i));
                if (one == null) {
                    throw new IllegalArgumentException(
                            "no case '" + names.get(i) + "'; there are " + cases.keySet());
                }
                int operations = names.get(i).equals("elsewhere") ? OPERATIONS / 1000 : OPERATIONS;
                long before = threads.getCurrentThreadCpuTime();
                sum += one.applyAsInt(operations);
                if (round >= 0) {
                    nanos[i][round] =
                            (threads.getCurrentThreadCpuTime() - before) / (double) operations;
                }
            }
        }
        for (int i = 0; i < names.size(); i++) {
            Arrays.sort(nanos[i]);
            System.out.printf("%-16s %10.2f  [%.2f-%.2f]%n", names.get(i), nanos[i][ROUNDS / 2],
                    nanos[i][ROUNDS / 4], nanos[i][ROUNDS * 3 / 4]);
        }
    }

    private int block(int n) {
        for (int i = 0; i < n; i++) {
            synchronized (outer) {
                slots[i & 63]++;
            }
        }
        return slots[0];
    }

    /// With a call inside, the block could hold what another lock is taken under.
    private int blockThatCalls(int n) {
        for (int i = 0; i < n; i++) {
            synchronized (outer) {
                step(i);
            }
        }
        return slots[9];
    }

    private void step(int i) {
        slots[i & 63]++;
    }

    private int methodThatCalls(int n) {
        for (int i = 0; i < n; i++) {
            gates[i & 1].passAndLook();
        }
        return gates[1].passed;
    }

    /// Of two objects in turn: the compiler joins calls on one.
    private int method(int n) {
        for (int i = 0; i < n; i++) {
            gates[i & 1].pass();
        }
        return gates[1].passed;
    }

    private int nestedBlocks(int n) {
        for (int i = 0; i < n; i++) {
            synchronized (outer) {
                synchronized (inner) {
                    step(i);
                }
            }
        }
        return slots[2];
    }

    private int threeBlocks(int n) {
        for (int i = 0; i < n; i++) {
            synchronized (outer) {
                synchronized (middle) {
                    synchronized (inner) {
                        step(i);
                    }
                }
            }
        }
        return slots[3];
    }

    private int reentrantLock(int n) {
        for (int i = 0; i < n; i++) {
            outerLock.lock();
            try {
                slots[i & 63]++;
            } finally {
                outerLock.unlock();
            }
        }
        return slots[4];
    }

    private int nestedLocks(int n) {
        for (int i = 0; i < n; i++) {
            outerLock.lock();
            try {
                innerLock.lock();
                try {
                    slots[i & 63]++;
                } finally {
                    innerLock.unlock();
                }
            } finally {
                outerLock.unlock();
            }
        }
        return slots[5];
    }

    private int lockAndBlock(int n) {
        for (int i = 0; i < n; i++) {
            outerLock.lock();
            try {
                synchronized (inner) {
                    step(i);
                }
            } finally {
                outerLock.unlock();
            }
        }
        return slots[6];
    }

    private int interfaceLock(int n) {
        for (int i = 0; i < n; i++) {
            asLock.lock();
            try {
                slots[i & 63]++;
            } finally {
                asLock.unlock();
            }
        }
        return slots[7];
    }

    private int readLock(int n) {
        for (int i = 0; i < n; i++) {
            pair.readLock().lock();
            try {
                slots[i & 63]++;
            } finally {
                pair.readLock().unlock();
            }
        }
        return slots[8];
    }

    /// A thousandth of the operations of the others, each a few microseconds of work in a lock.
    private int elsewhere(int n) {
        int hash = 0;
        for (int i = 0; i < n; i++) {
            synchronized (outer) {
                text[i & 4095] = (byte) i;
                hash += Arrays.hashCode(text);
            }
        }
        return hash;
    }
}
