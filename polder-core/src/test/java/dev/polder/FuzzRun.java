package dev.polder;

import dev.polder.Blocks.Block;
import dev.polder.Blocks.Kind;
import dev.polder.base.Check;
import dev.polder.base.Frames;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.ReclaimDomain;
import dev.polder.memgroup.MemGroup;
import dev.polder.shrink.InternalCaches;
import dev.polder.shrinker.ShrinkControl;
import dev.polder.task.Task;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// Runs one random program on a real pool and checks what must hold: no two live blocks share
/// memory, reclaim keeps to the masks, scopes and domains of the thread it runs on, a request that
/// nothing stands in the way of succeeds, the budget holds, and in the end everything is back.
///
/// The program's threads take turns, so that a failure comes back with its seed; kswapd and what
/// consumers start run beside them.
final class FuzzRun implements FuzzShrinker.Host, AutoCloseable {
    /// A planted fault, to see that it would be found.
    enum Fault { NONE, LOST_FRAME, HANDED_TWICE, DEAF_TO_NOFS, CHARGE_WITHOUT_RUN }

    private static final int SLOTS = 192;
    private static final int PARTS = 8;
    private static final int DOMAINS = 2;
    private static final int LARGEST_SHIFT = 21;
    private static final int HOARD = 900;
    /// Free frames above high with which a single frame cannot be refused.
    private static final long PLENTY = 256;
    /// How long a request may wait on the program's clock.
    private static final long WAIT_NANOS = 40_000_000L;
    /// Real seconds after which a step hangs. All waits for a time are over at once.
    private static final long PATIENCE_SECONDS = 30;

    private final Fault fault;
    private final Polder pool = Polder.open(PolderConfig.builder().name("fuzz")
            .budget(PolderConfig.MIN_BUDGET).clock(new FuzzClock())
            .allocationDeadline(Duration.ofNanos(WAIT_NANOS)).build());
    private final Blocks blocks = new Blocks(pool);
    private final AtomicReferenceArray<@Nullable Block> slots = new AtomicReferenceArray<>(SLOTS);
    private final AtomicInteger hand = new AtomicInteger();
    private final Deque<Long> hoard = new ArrayDeque<>();
    private final List<MemGroup> groups = new ArrayList<>();
    private final List<ReclaimDomain> domains = new ArrayList<>();
    private final List<Lock> guards = new ArrayList<>();
    private final Deque<Registration> registrations = new ArrayDeque<>();
    private final List<ExecutorService> threads = new ArrayList<>();
    private final Map<Thread, FuzzThread> models = new ConcurrentHashMap<>();
    private final Queue<Throwable> complaints = new ConcurrentLinkedQueue<>();
    private boolean planted;

    FuzzRun(Fault fault) {
        this.fault = fault;
        MemGroup a = pool.group().create("a");
        groups.addAll(List.of(a, a.create("b"), pool.group().create("c")));
        pool.pages().listener((role, _, entry, used, _) -> {
            FuzzThread model = models.get(Thread.currentThread());
            complain(model == null ? null : model.complaint(role, entry, used));
        });
        for (int i = 0; i < DOMAINS; i++) {
            ReclaimDomain domain = ReclaimDomain.of("domain-" + i);
            domains.add(domain);
            guards.add(domain.guard(new ReentrantLock(), "a program's lock"));
        }
        for (int i = 0; i < FuzzOp.THREADS; i++) {
            // The last is virtual: its sheaves are stripes.
            threads.add(Executors.newSingleThreadExecutor(i == FuzzOp.THREADS - 1
                    ? Thread.ofVirtual().factory() : Thread.ofPlatform().daemon().factory()));
        }
    }

    /// Runs the program to its end.
    ///
    /// @throws Exception what was found
    void run(List<FuzzOp> program) throws Exception {
        for (int i = 0; i < program.size(); i++) {
            FuzzOp op = program.get(i);
            on(op.thread(), model -> step(op, model));
            for (Throwable t : complaints) {
                throw new AssertionError("at step " + i + ", " + op, t);
            }
        }
        end();
    }

    /// What a thread does with its model.
    private interface Step {
        void run(FuzzThread model) throws Exception;
    }

    private void on(int thread, Step step) throws Exception {
        try {
            threads.get(thread).submit(() -> {
                step.run(models.computeIfAbsent(Thread.currentThread(),
                        _ -> new FuzzThread(fault == Fault.DEAF_TO_NOFS)));
                return true;
            }).get(PATIENCE_SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            throw new AssertionError("thread " + thread, e.getCause());
        }
    }

    private void step(FuzzOp op, FuzzThread model) throws Exception {
        int a = op.a();
        switch (op.kind()) {
            case TAKE -> swap(a, take(op, model));
            case FREE -> swap(a, null);
            case RESIZE -> resize(a, op.b());
            case HOARD -> fillHoard(model);
            case RELEASE -> empty(a);
            case SCOPE -> model.enterScope(a);
            case EXCLUDE -> model.exclude(domains.get(a % DOMAINS));
            case LEAVE -> model.leave();
            case LOCK -> model.lock(guards.get(a % DOMAINS), domains.get(a % DOMAINS));
            case UNLOCK -> model.unlock(guards.get(a % DOMAINS));
            case ENTER -> model.entered(groups.get(a % groups.size()).enter());
            case LIMIT -> groups.get(a % groups.size()).max(op.b() % 3 == 0 ? MemGroup.MAX
                    : groups.get(a % groups.size()).charged() + (op.c() & -Frames.SIZE));
            case END -> replaceLeaf(a % groups.size());
            case RESET -> groups.get(a % groups.size()).reset();
            case REGISTER -> registrations.push(new FuzzShrinker(this, pool, a % PARTS,
                    FuzzShrinker.Temper.values()[op.b() % FuzzShrinker.Temper.values().length],
                    op.c() % 3 == 2 ? null : domains.get(op.c() % 3))
                    .register(op.b() % 4, 1 + op.a() % 64));
            case UNREGISTER -> {
                Registration last = registrations.poll();
                if (last != null) {
                    last.close();
                }
            }
            case CHECK -> verify();
        }
    }

    /// A group without an open child ends, whoever is in it, and another takes its place.
    private void replaceLeaf(int which) {
        MemGroup old = groups.get(which);
        MemGroup above = old.parent();
        if (above != null && groups.stream().noneMatch(g -> g.parent() == old)) {
            old.close();
            groups.set(which, above.create(old.name()));
        }
    }

    private @Nullable Block take(FuzzOp op, FuzzThread model) {
        Kind kind = Kind.values()[op.b() % Kind.values().length];
        int gfp = Workload.MASKS[op.c() % Workload.MASKS.length] | Gfp.NOWARN;
        long size = 1 + op.c() % (1L << (3 + op.b() % (LARGEST_SHIFT - 3)));
        int log = kind == Kind.PAGES ? (op.a() % 3 == 0 ? op.b() % 7 : 0) : op.b() % 14;
        Block twin = fault == Fault.HANDED_TWICE ? slots.get(op.a() / 2 % SLOTS) : null;
        if (twin != null && !planted && twin.size() >= Long.BYTES) {
            planted = true;
            return blocks.twin(twin);
        }
        MemInfo before = pool.memInfo();
        model.request(gfp);
        // Who may hold a lock waits for ever, as it should (D16), and nobody here would free.
        Task.current().patienceNanos(WAIT_NANOS);
        try {
            Block b = blocks.take(kind, size, log, gfp);
            Check.that(b != null || kind != Kind.PAGES || log > 0 || MemGroup.current() != null
                    || before.free() < before.high() + Frames.bytes(PLENTY)
                    || (gfp & Gfp.ACCOUNT) != 0, "one frame refused with many free");
            return b;
        } finally {
            Task.current().patienceNanos(0);
            model.requestDone();
        }
    }

    private void swap(int slot, @Nullable Block mine) {
        Block before = slots.getAndSet(slot % SLOTS, mine);
        if (before != null) {
            free(before);
        }
    }

    private void free(Block b) {
        if (fault == Fault.LOST_FRAME && !planted && b.kind() == Kind.PAGES) {
            planted = true;
            return;
        }
        blocks.free(b);
        if (fault == Fault.CHARGE_WITHOUT_RUN && !planted) {
            planted = true;
            groups.getFirst().charge(Frames.SIZE);
        }
    }

    private void resize(int slot, int size) {
        Block b = slots.getAndSet(slot % SLOTS, null);
        if (b == null) {
            return;
        }
        if (b.kind() == Kind.KMALLOC) {
            blocks.check(b);
            long wanted = 1 + size % (2 * b.size());
            if (pool.kmalloc().resize(b.address(), wanted)) {
                b = blocks.stamped(new Block(b.kind(), 0, b.address(), wanted, b.stamp()), 0);
            }
        }
        swap(slot, b);
    }

    /// Takes frames until there are few, with the whole effort that the thread may make.
    private void fillHoard(FuzzThread model) {
        model.request(Gfp.KERNEL | Gfp.NOWARN);
        Task.current().patienceNanos(WAIT_NANOS);
        try {
            for (int i = 0; i < HOARD; i++) {
                long run = pool.pages().alloc(0, Gfp.KERNEL | Gfp.NOWARN);
                if (run == 0) {
                    break;
                }
                hoard.push(run);
            }
        } finally {
            Task.current().patienceNanos(0);
            model.requestDone();
        }
    }

    private void empty(int part) {
        for (int i = part % 3; i >= 0 && !hoard.isEmpty(); i--) {
            for (int n = 0; n < HOARD / 2 && !hoard.isEmpty(); n++) {
                pool.pages().free(hoard.pop());
            }
        }
    }

    @Override
    public long freeSome(int part, long most) {
        long freed = 0;
        for (int i = 0; i < SLOTS / PARTS && freed < most; i++) {
            int slot = Math.floorMod(hand.getAndIncrement(), SLOTS / PARTS) * PARTS + part;
            Block b = slots.getAndSet(slot, null);
            if (b != null) {
                try {
                    free(b);
                } catch (RuntimeException e) {
                    // A consumer's throw is the pool's to swallow; this one is a finding.
                    complaints.add(e);
                }
                freed++;
            }
        }
        return freed;
    }

    @Override
    public void called(ShrinkControl sc, boolean scan, @Nullable ReclaimDomain domain) {
        String complaint;
        if (sc.background()) {
            complaint = sc.mayWait() ? "background reclaim may wait" : null;
        } else {
            FuzzThread model = models.get(Thread.currentThread());
            complaint = model == null ? "reclaim on a thread that asked for nothing"
                    : model.complaint(sc.gfp(), sc.mayWait(), scan, domain);
        }
        complain(complaint);
    }

    private void complain(@Nullable String complaint) {
        if (complaint != null) {
            complaints.add(new AssertionError(complaint));
        }
    }

    /// At a standstill: kswapd has nothing to do, and only this thread could give it something.
    private void verify() {
        while (!pool.parts().kswapd().idle()) {
            Thread.onSpinWait();
        }
        pool.verify();
        Check.that(pool.memInfo().resident() <= pool.config().budget(), "above the budget");
    }

    private void end() throws Exception {
        for (int i = 0; i < FuzzOp.THREADS; i++) {
            on(i, model -> {
                model.leaveAll();
                Check.that(Task.current().flags() == 0 && !Task.current().excludesAny(),
                        "a scope is still open");
            });
        }
        verify();
        registrations.forEach(Registration::close);
        for (int i = 0; i < SLOTS; i++) {
            swap(i, null);
        }
        hoard.forEach(pool.pages()::free);
        blocks.close();
        for (Throwable t : complaints) {
            throw new AssertionError("at the end", t);
        }
        InternalCaches.giveUp(pool.parts().shrinkers());
        verify();
        Check.that(pool.memInfo().used() == 0, "lost: " + pool.memInfo());
        Check.that(pool.group().charged() == 0, "still charged: " + pool.group());
    }

    @Override
    public void close() {
        threads.forEach(ExecutorService::shutdownNow);
        pool.close();
    }
}
