import com.github.benmanes.caffeine.cache.AsyncLoadingCache;
import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.LoadingCache;
import com.github.benmanes.caffeine.cache.Scheduler;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/// Caffeine's caches of each kind, used by a few threads as its documentation says. Prints results
/// that do not depend on who came first.
public final class CaffeineDriver {
    private static final int THREADS = 4;
    private static final int ROUNDS = 20_000;

    private CaffeineDriver() {}

    public static void main(String[] args) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(THREADS);
        AtomicInteger wrong = new AtomicInteger();
        AtomicInteger evicted = new AtomicInteger();
        AtomicInteger removed = new AtomicInteger();
        List<LoadingCache<Integer, String>> caches = new ArrayList<>();
        caches.add(Caffeine.newBuilder().maximumSize(200).build(k -> "v" + k));
        caches.add(Caffeine.newBuilder().maximumWeight(500)
                .weigher((Integer k, String v) -> 1 + k % 3)
                .executor(Runnable::run)
                .evictionListener((k, v, cause) -> evicted.incrementAndGet())
                .removalListener((k, v, cause) -> removed.incrementAndGet())
                .build(k -> "v" + k));
        caches.add(Caffeine.newBuilder().expireAfterWrite(Duration.ofNanos(1))
                .refreshAfterWrite(Duration.ofNanos(1)).executor(pool)
                .scheduler(Scheduler.systemScheduler()).build(k -> "v" + k));
        caches.add(Caffeine.newBuilder().weakKeys().softValues().recordStats().build(k -> "v" + k));
        caches.add(Caffeine.newBuilder().expireAfterAccess(Duration.ofHours(1)).maximumSize(50)
                .build(k -> "v" + k));
        AsyncLoadingCache<Integer, String> async = Caffeine.newBuilder().maximumSize(100)
                .executor(pool).buildAsync(k -> "v" + k);
        ExecutorService users = Executors.newFixedThreadPool(THREADS);
        List<Future<?>> all = new ArrayList<>();
        for (int t = 0; t < THREADS; t++) {
            int thread = t;
            all.add(users.submit(() -> {
                for (int i = 0; i < ROUNDS; i++) {
                    Integer key = i * (thread + 1) % 1_000;
                    for (LoadingCache<Integer, String> c : caches) {
                        wrong.addAndGet(right(c, key, i) ? 0 : 1);
                    }
                    if (i % 10 == 0) {
                        wrong.addAndGet(async.get(key).join().equals("v" + key) ? 0 : 1);
                    }
                }
            }));
        }
        for (Future<?> f : all) {
            f.get(120, TimeUnit.SECONDS);
        }
        nested();
        caches.forEach(Cache::invalidateAll);
        caches.forEach(Cache::cleanUp);
        users.shutdown();
        pool.shutdown();
        System.out.println("wrong " + wrong + ", evicted " + (evicted.get() > 0) + ", removed "
                + (removed.get() > 0) + ", ended " + pool.awaitTermination(60, TimeUnit.SECONDS));
    }

    private static boolean right(LoadingCache<Integer, String> c, Integer key, int i) {
        switch (i % 7) {
            case 0 -> c.put(key, "v" + key);
            case 1 -> c.invalidate(key);
            case 2 -> c.asMap().computeIfPresent(key, (k, v) -> v);
            case 3 -> c.asMap().merge(key, "v" + key, (a, b) -> b);
            case 4 -> {
                return c.getAll(List.of(key)).equals(Map.of(key, "v" + key));
            }
            case 5 -> c.policy().eviction().ifPresent(e -> e.coldest(3));
            default -> { }
        }
        return c.get(key).equals("v" + key);
    }

    /// A value of one cache is computed from another's.
    private static void nested() {
        LoadingCache<Integer, Integer> inner =
                Caffeine.newBuilder().maximumSize(10).build(k -> 2 * k);
        LoadingCache<Integer, Integer> outer =
                Caffeine.newBuilder().maximumSize(10).build(k -> inner.get(k) + 1);
        int sum = 0;
        for (int i = 0; i < 500; i++) {
            sum += outer.get(i);
        }
        System.out.println("nested " + sum);
    }
}
