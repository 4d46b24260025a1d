package dev.polder.debug;

import dev.polder.gfp.Gfp;
import dev.polder.gfp.PolderEvents;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Predicate;

/// Fails requests by the attributes of the kernel's `struct fault_attr`, in its order (L1 to L4).
///
/// By default it never fails a request that may reclaim, nor a single page: programs are not
/// prepared for those. Made by [#builder]; one may serve several allocators and threads, which then
/// share its counts.
///
/// Notes
///
/// Asked for a request it says, in this order: no to an ignored mask, order or site; then
/// [#failNth] decides for a thread that armed it, with only the stack filter before it (L3); then
/// all others must agree: probability above 0, task, times, stack, space, interval, and the draw.
public final class FaultAttributes implements FaultInjector {
    /// As many failures as come.
    public static final int UNLIMITED = -1;
    /// Frames of a stack that the stack filter is shown (`MAX_STACK_TRACE_DEPTH`).
    static final int MAX_STACK_DEPTH = 32;

    private static final StackWalker WALKER = StackWalker.getInstance();
    /// How many injectable calls of the thread are left until the one that fails; 0 when unarmed.
    private static final ThreadLocal<int[]> NTH = ThreadLocal.withInitial(() -> new int[1]);

    private final int probability;
    private final int interval;
    private final boolean verbose;
    private final boolean ignoreDirect;
    private final int minOrder;
    private final Predicate<String> sites;
    private final Predicate<Thread> tasks;
    private final Predicate<StackWalker.StackFrame> stack;
    private final boolean anyStack;
    private final AtomicInteger times;
    private final AtomicLong space;
    private final AtomicLong candidates = new AtomicLong();
    private final AtomicLong random;
    private final AtomicLong failed = new AtomicLong();

    private FaultAttributes(Builder b) {
        this.probability = b.probability;
        this.interval = b.interval;
        this.verbose = b.verbose;
        this.ignoreDirect = b.ignoreDirect;
        this.minOrder = b.minOrder;
        this.sites = b.sites;
        this.tasks = b.tasks;
        this.stack = b.stack;
        this.anyStack = b.anyStack;
        this.times = new AtomicInteger(b.times);
        this.space = new AtomicLong(b.space);
        this.random = new AtomicLong(b.seed);
    }

    /// The kernel's defaults: nothing fails until a probability is set, or [#failNth].
    public static Builder builder() {
        return new Builder();
    }

    /// Makes the `n`-th request of the current thread fail that some [FaultAttributes] is asked
    /// for, whatever else it says; 0 takes that back. The kernel's `/proc/self/fail-nth`.
    public static void failNth(int n) {
        if (n < 0) {
            throw new IllegalArgumentException("n must be at least 0, not " + n);
        }
        NTH.get()[0] = n;
    }

    /// Requests until the one that fails; 0 once it has failed.
    public static int failNthLeft() {
        return NTH.get()[0];
    }

    /// Requests failed so far.
    public long failed() {
        return failed.get();
    }

    @Override
    public boolean shouldFail(String site, int order, int gfp) {
        return shouldFail(site, 4096L << order, order, gfp);
    }

    @Override
    public boolean shouldFail(String site, long bytes, int order, int gfp) {
        boolean page = site.indexOf(':') < 0;
        if ((gfp & Gfp.NOFAIL) != 0 || (page && order < minOrder) || !sites.test(site)
                || (ignoreDirect && Gfp.allowsBlocking(gfp) && !site.startsWith("mempool:"))) {
            return false;
        }
        int[] nth = NTH.get();
        boolean fails = nth[0] > 0 ? stackMatches() && --nth[0] == 0 : drawn(bytes);
        if (fails) {
            failed.incrementAndGet();
            times.updateAndGet(t -> t > 0 ? t - 1 : t);
            if (verbose && (gfp & Gfp.NOWARN) == 0) {
                PolderEvents.reporter().trouble("", "injected failure of " + site + ", order "
                        + order + ", " + Gfp.toString(gfp) + "\n  "
                        + Trace.here().describe("asked"), null);
            }
        }
        return fails;
    }

    private boolean drawn(long bytes) {
        if (probability == 0 || !tasks.test(Thread.currentThread()) || times.get() == 0
                || !stackMatches()) {
            return false;
        }
        long before = space.getAndUpdate(left -> left > bytes ? left - bytes : left);
        if (before > bytes || candidates.incrementAndGet() % interval != 0) {
            return false;
        }
        return probability > percent();
    }

    private boolean stackMatches() {
        return anyStack || WALKER.walk(s -> s.limit(MAX_STACK_DEPTH).anyMatch(stack));
    }

    /// 0..99, the next of the sequence that the seed began (Steele, Lea and Flood 2014).
    private int percent() {
        long z = random.addAndGet(0x9e3779b97f4a7c15L);
        z = (z ^ z >>> 30) * 0xbf58476d1ce4e5b9L;
        z = (z ^ z >>> 27) * 0x94d049bb133111ebL;
        return (int) Long.remainderUnsigned(z ^ z >>> 31, 100);
    }

    /// Collects attributes. Not thread-safe.
    public static final class Builder {
        private int probability;
        private int interval = 1;
        private int times = UNLIMITED;
        private long space;
        private long seed = 1;
        private boolean verbose;
        private boolean ignoreDirect = true;
        private int minOrder = 1;
        private Predicate<String> sites = _ -> true;
        private Predicate<Thread> tasks = _ -> true;
        private Predicate<StackWalker.StackFrame> stack = _ -> true;
        private boolean anyStack = true;

        private Builder() {}

        /// How many requests of a hundred fail, 0..100; default 0.
        public Builder probability(int percent) {
            if (percent < 0 || percent > 100) {
                throw new IllegalArgumentException("probability must be 0..100 %, not " + percent);
            }
            probability = percent;
            return this;
        }

        /// Only every so many-th request may fail; default 1.
        public Builder interval(int every) {
            if (every < 1) {
                throw new IllegalArgumentException("interval must be at least 1, not " + every);
            }
            interval = every;
            return this;
        }

        /// How many requests fail at most; [#UNLIMITED] for all, the default.
        public Builder times(int most) {
            if (most < UNLIMITED) {
                throw new IllegalArgumentException("times must be at least -1, not " + most);
            }
            times = most;
            return this;
        }

        /// Bytes that are granted before anything fails; default 0.
        public Builder space(long bytes) {
            if (bytes < 0) {
                throw new IllegalArgumentException("space must be at least 0, not " + bytes);
            }
            space = bytes;
            return this;
        }

        /// What the draws begin with; default 1. The same seed gives the same draws.
        public Builder seed(long seed) {
            this.seed = seed;
            return this;
        }

        /// Whether each failure is told of, unless the request has NOWARN (L4); default no.
        public Builder verbose(boolean on) {
            verbose = on;
            return this;
        }

        /// Whether requests that may reclaim are left alone (`ignore-gfp-wait`); default yes.
        public Builder ignoreDirect(boolean on) {
            ignoreDirect = on;
            return this;
        }

        /// The least order of a page request that fails (`min-order`); default 1.
        public Builder minOrder(int order) {
            minOrder = order;
            return this;
        }

        /// Which sites fail: a page request's role, `object:` or `mempool:` with a cache's name;
        /// default all.
        public Builder sites(Predicate<String> which) {
            sites = which;
            return this;
        }

        /// Which threads' requests fail (`task-filter`); default all.
        public Builder tasks(Predicate<Thread> which) {
            tasks = which;
            return this;
        }

        /// Only requests with such a frame on the stack fail (`require-start`); default all.
        public Builder stack(Predicate<StackWalker.StackFrame> some) {
            stack = some;
            anyStack = false;
            return this;
        }

        /// The injector.
        public FaultAttributes build() {
            return new FaultAttributes(this);
        }
    }
}
