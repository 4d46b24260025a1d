import com.google.common.cache.Cache;
import com.google.common.cache.CacheBuilder;
import com.google.common.cache.CacheLoader;
import com.google.common.cache.LoadingCache;
import com.google.common.collect.ConcurrentHashMultiset;
import com.google.common.collect.HashMultimap;
import com.google.common.collect.Interner;
import com.google.common.collect.Interners;
import com.google.common.collect.MapMaker;
import com.google.common.collect.Multimaps;
import com.google.common.collect.SetMultimap;
import com.google.common.eventbus.AsyncEventBus;
import com.google.common.eventbus.Subscribe;
import com.google.common.util.concurrent.AbstractIdleService;
import com.google.common.util.concurrent.CycleDetectingLockFactory;
import com.google.common.util.concurrent.Futures;
import com.google.common.util.concurrent.ListenableFuture;
import com.google.common.util.concurrent.ListeningExecutorService;
import com.google.common.util.concurrent.Monitor;
import com.google.common.util.concurrent.MoreExecutors;
import com.google.common.util.concurrent.RateLimiter;
import com.google.common.util.concurrent.ServiceManager;
import com.google.common.util.concurrent.Striped;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReadWriteLock;

/// Guava's classes that lock, used by a few threads as their documentation says. Prints results
/// that do not depend on who came first.
public final class GuavaDriver {
    private static final int THREADS = 4;
    private static final int ROUNDS = 2_000;

    private GuavaDriver() {}

    public static void main(String[] args) throws Exception {
        ListeningExecutorService pool =
                MoreExecutors.listeningDecorator(Executors.newFixedThreadPool(THREADS));
        ListeningExecutorService refresher =
                MoreExecutors.listeningDecorator(Executors.newSingleThreadExecutor());
        caches(pool, refresher);
        nestedCaches();
        locks(pool);
        collections(pool);
        events(pool);
        services();
        pool.shutdown();
        System.out.println("ended " + pool.awaitTermination(60, TimeUnit.SECONDS));
    }

    private interface Work {
        void run(int thread) throws Exception;
    }

    private static void everybody(ListeningExecutorService pool, Work work) throws Exception {
        List<ListenableFuture<?>> all = new ArrayList<>();
        for (int t = 0; t < THREADS; t++) {
            int thread = t;
            all.add(pool.submit(() -> {
                work.run(thread);
                return null;
            }));
        }
        Futures.allAsList(all).get();
    }

    private static void caches(ListeningExecutorService pool, ListeningExecutorService refresher)
            throws Exception {
        AtomicInteger removed = new AtomicInteger();
        LoadingCache<Integer, String> cache = CacheBuilder.newBuilder()
                .maximumSize(100)
                .expireAfterAccess(1, TimeUnit.HOURS)
                .refreshAfterWrite(1, TimeUnit.NANOSECONDS)
                .softValues()
                .recordStats()
                .removalListener(gone -> removed.incrementAndGet())
                .build(CacheLoader.asyncReloading(CacheLoader.from(k -> "value " + k), refresher));
        Cache<Integer, Integer> weak = CacheBuilder.newBuilder().weakKeys().build();
        AtomicInteger wrong = new AtomicInteger();
        everybody(pool, thread -> {
            for (int i = 0; i < ROUNDS; i++) {
                int key = i * (thread + 1) % 300;
                wrong.addAndGet(cache.getUnchecked(key).equals("value " + key) ? 0 : 1);
                weak.get(key, () -> key);
                if (i % 100 == 0) {
                    cache.invalidate(key);
                    // Not of the cache that refreshes: there it waits for the refresher under the
                    // segment's lock, which the refresher needs.
                    weak.asMap().computeIfPresent(key, (k, v) -> v);
                    cache.cleanUp();
                }
            }
        });
        // A refresh that ends after the invalidation would put its value back.
        refresher.shutdown();
        boolean refreshed = refresher.awaitTermination(60, TimeUnit.SECONDS);
        cache.invalidateAll();
        System.out.println("caches: refreshed " + refreshed + ", wrong " + wrong + ", size "
                + cache.size() + ", removed " + (removed.get() > 0));
    }

    /// One cache's loader asks another cache.
    private static void nestedCaches() {
        LoadingCache<Integer, Integer> inner =
                CacheBuilder.newBuilder().build(CacheLoader.from(k -> k * 2));
        LoadingCache<Integer, Integer> outer =
                CacheBuilder.newBuilder().build(CacheLoader.from(k -> inner.getUnchecked(k) + 1));
        int sum = 0;
        for (int i = 0; i < 500; i++) {
            sum += outer.getUnchecked(i);
        }
        System.out.println("nested: " + sum);
    }

    private static void locks(ListeningExecutorService pool) throws Exception {
        Striped<Lock> striped = Striped.lock(8);
        Striped<Lock> lazy = Striped.lazyWeakLock(8);
        Striped<ReadWriteLock> pairs = Striped.readWriteLock(4);
        Monitor monitor = new Monitor();
        int[] inMonitor = {0};
        Monitor.Guard even = monitor.newGuard(() -> inMonitor[0] % 2 == 0);
        RateLimiter limiter = RateLimiter.create(1e9);
        Lock checked = CycleDetectingLockFactory.newInstance(
                CycleDetectingLockFactory.Policies.THROW).newReentrantLock("only");
        AtomicLong sum = new AtomicLong();
        everybody(pool, thread -> {
            for (int i = 0; i < ROUNDS; i++) {
                for (Lock l : striped.bulkGet(List.of(i % 8, (i + 3) % 8, thread))) {
                    l.lock(); // in the order that bulkGet gives
                }
                sum.incrementAndGet();
                for (Lock l : striped.bulkGet(List.of(i % 8, (i + 3) % 8, thread))) {
                    l.unlock();
                }
                Lock one = lazy.get(i);
                one.lock();
                try {
                    sum.incrementAndGet();
                } finally {
                    one.unlock();
                }
                Lock side = i % 10 == 0 ? pairs.get(i).writeLock() : pairs.get(i).readLock();
                side.lock();
                side.unlock();
                monitor.enterWhen(even);
                try {
                    inMonitor[0] += 2;
                } finally {
                    monitor.leave();
                }
                limiter.acquire();
                checked.lock();
                checked.unlock();
            }
        });
        System.out.println("locks: " + sum + " " + inMonitor[0]);
    }

    private static void collections(ListeningExecutorService pool) throws Exception {
        SetMultimap<Integer, Integer> multimap =
                Multimaps.synchronizedSetMultimap(HashMultimap.create());
        ConcurrentHashMultiset<Integer> multiset = ConcurrentHashMultiset.create();
        Interner<String> interner = Interners.newWeakInterner();
        var weak = new MapMaker().weakKeys().weakValues().<Object, Object>makeMap();
        everybody(pool, thread -> {
            for (int i = 0; i < ROUNDS; i++) {
                multimap.put(i % 50, i);
                synchronized (multimap) {
                    for (int v : multimap.get(i % 50)) {
                        multiset.add(v % 3);
                        break;
                    }
                }
                multiset.add(7);
                weak.put(interner.intern("s" + i % 20), i);
            }
        });
        System.out.println("collections: " + multimap.size() + " " + multiset.count(7));
    }

    /// Receives events.
    public static final class Receiver {
        private final AtomicInteger got = new AtomicInteger();

        /// One at a time.
        @Subscribe
        public void receive(Integer event) {
            got.incrementAndGet();
        }
    }

    private static void events(Executor pool) throws Exception {
        AsyncEventBus bus = new AsyncEventBus("bus", MoreExecutors.newSequentialExecutor(pool));
        Receiver receiver = new Receiver();
        bus.register(receiver);
        for (int i = 0; i < 500; i++) {
            bus.post(i);
        }
        var done = com.google.common.util.concurrent.SettableFuture.<Boolean>create();
        bus.register(new Object() {
            @Subscribe
            public void last(String event) {
                done.set(true);
            }
        });
        bus.post("last");
        done.get(60, TimeUnit.SECONDS);
        System.out.println("events: " + (receiver.got.get() > 0));
    }

    private static void services() throws Exception {
        ServiceManager manager = new ServiceManager(List.of(new Idle(), new Idle(), new Idle()));
        AtomicInteger healthy = new AtomicInteger();
        manager.addListener(new ServiceManager.Listener() {
            @Override
            public void healthy() {
                healthy.incrementAndGet();
            }
        }, MoreExecutors.directExecutor());
        manager.startAsync().awaitHealthy(60, TimeUnit.SECONDS);
        manager.stopAsync().awaitStopped(60, TimeUnit.SECONDS);
        System.out.println("services: " + healthy);
    }

    private static final class Idle extends AbstractIdleService {
        @Override
        protected void startUp() {}

        @Override
        protected void shutDown() {}
    }
}
