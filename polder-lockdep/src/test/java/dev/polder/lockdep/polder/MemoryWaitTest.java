package dev.polder.lockdep.polder;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.Polder;
import dev.polder.PolderConfig;
import dev.polder.gfp.FsReclaim;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.MemallocScope;
import dev.polder.gfp.ReclaimDomain;
import dev.polder.gfp.ScopeSite;
import dev.polder.lockdep.advisor.Advisor;
import dev.polder.lockdep.engine.LockClass;
import dev.polder.lockdep.engine.Lockdep;
import dev.polder.lockdep.engine.Report;
import dev.polder.lockdep.report.Findings;
import dev.polder.lockdep.report.Suppressions;
import dev.polder.lockdep.report.TextReport;
import dev.polder.mempool.MemPool;
import dev.polder.os.Clock;
import dev.polder.os.VirtualClock;
import dev.polder.slab.SlabCache;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// Waiting for memory is a lock: the shapes of CASSANDRA-21019 and of Druid's merge buffers in a
/// real pool, on virtual time.
class MemoryWaitTest {
    private static final ScopeSite WRITE = ScopeSite.of("writes to a shard");

    /// A bound on a hang: a request that finds nothing rests for less than this before it waits.
    private static final int TICKS = 5_000;

    private final VirtualClock clock = new VirtualClock();
    private final Polder pool = Polder.open(PolderConfig.builder().name("memtables")
            .budget(16L << 20).clock(clock).build());
    private final Lockdep engine = new Lockdep();
    private final Findings findings = new Findings(Suppressions.none());
    private final Lock shard = ReclaimDomain.of("memtables").guard(new ReentrantLock(), WRITE);
    private final Deque<Long> taken = new ArrayDeque<>();

    @BeforeEach
    void install() {
        engine.listener(findings);
        engine.name(shard, "shard");
        new PolderTracker(engine, new Advisor(engine), new ForcedReclaim(0), true).install();
    }

    @AfterEach
    void remove() {
        FsReclaim.install(null);
        taken.forEach(pool.pages()::free);
        pool.close();
    }

    private void exhaust() {
        for (long run = pool.pages().alloc(0, Gfp.ATOMIC); run != 0;
                run = pool.pages().alloc(0, Gfp.ATOMIC)) {
            taken.push(run);
        }
    }

    /// What frees memory, and takes the shard's lock on its way.
    private void flush() {
        LockClass memory = engine.memory("memtables");
        engine.owes(memory);
        shard.lock();
        shard.unlock();
        engine.settled(memory);
    }

    private void allocateUnderTheLock() {
        shard.lock();
        try (MemallocScope _ = MemallocScope.noFs(WRITE)) {
            long run = pool.pages().alloc(0, Gfp.KERNEL);
            assertThat(run).isPositive();
            pool.pages().free(run);
        } finally {
            shard.unlock();
        }
    }

    /// Moves the time until the thread has ended; memory comes back when something was found.
    private void until(Thread writer) throws InterruptedException {
        for (int i = 0; i < TICKS && !writer.join(Duration.ofMillis(1)); i++) {
            if (!findings.reports().isEmpty()) {
                while (!taken.isEmpty()) {
                    pool.pages().free(taken.pop());
                }
            }
            clock.advance(Clock.TICK_NANOS);
        }
        assertThat(writer.isAlive()).isFalse();
    }

    @Test
    void aWriterThatWaitsUnderALockWhichTheFlushNeeds() throws InterruptedException {
        flush();
        allocateUnderTheLock();
        assertThat(findings.reports()).as("nobody waited").isEmpty();
        exhaust();
        until(Thread.ofPlatform().name("writer").daemon().start(this::allocateUnderTheLock));
        assertThat(findings.reports()).hasSize(1);
        Report report = findings.reports().get(0);
        assertThat(report.wanted().name()).isEqualTo("memory of memtables");
        assertThat(report.against().lock().name()).isEqualTo("shard");
        assertThat(report.thread()).isEqualTo("writer");
        assertThat(TextReport.of(report)).contains("waits for memory of memtables",
                "Scope in force: NOFS scope 'writes to a shard' (MemoryWaitTest:",
                "domain 'memtables' excluded by 'writes to a shard'");
    }

    @Test
    void aFlushThatNeedsNoLockOfAWriterIsSilent() throws InterruptedException {
        LockClass memory = engine.memory("memtables");
        engine.owes(memory);
        engine.settled(memory);
        exhaust();
        Thread writer = Thread.ofPlatform().name("writer").daemon()
                .start(this::allocateUnderTheLock);
        for (int i = 0; i < TICKS && !waited(); i++) {
            assertThat(writer.join(Duration.ofMillis(1))).isFalse();
            clock.advance(Clock.TICK_NANOS);
        }
        assertThat(waited()).isTrue();
        for (int i = 0; i < 100; i++) {
            pool.pages().free(taken.pop());
        }
        until(writer);
        assertThat(findings.reports()).isEmpty();
    }

    private boolean waited() {
        return engine.edges().stream()
                .anyMatch(e -> e.toString().equals("shard -> memory of memtables"));
    }

    /// A query that has one element of a reserve and waits for the next: others do the same.
    @Test
    void aSecondElementOfAReserveIsAWaitForOneself() throws InterruptedException {
        SlabCache cache = pool.createCache("merge-buffers", 4096);
        MemPool buffers = pool.createMemPool(cache, 1);
        exhaust();
        Deque<Long> elements = new ArrayDeque<>();
        for (long e = cache.alloc(Gfp.ATOMIC); e != 0; e = cache.alloc(Gfp.ATOMIC)) {
            elements.push(e);
        }
        int others = elements.size();
        LockClass memory = engine.memory("the memory pool over cache merge-buffers");
        Thread query = Thread.ofPlatform().name("query").daemon().start(() -> {
            elements.push(buffers.alloc(Gfp.NOFS));
            engine.owes(memory);
            elements.push(buffers.alloc(Gfp.NOFS));
            engine.settled(memory);
        });
        until(query);
        assertThat(findings.reports()).singleElement().satisfies(r -> {
            assertThat(r.kind()).isEqualTo(Report.Kind.SELF_DEADLOCK);
            assertThat(r.wanted()).isSameAs(memory);
        });
        for (int i = elements.size(); i > others; i--) {
            buffers.free(elements.pop());
        }
        elements.forEach(cache::free);
        buffers.close();
        cache.close();
    }
}
