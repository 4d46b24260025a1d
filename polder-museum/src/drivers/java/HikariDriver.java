import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import javax.sql.DataSource;

/// HikariCP over a data source that only pretends. Prints results that do not depend on who came
/// first.
public final class HikariDriver {
    private static final int THREADS = 6;
    private static final int ROUNDS = 3_000;

    private HikariDriver() {}

    public static void main(String[] args) throws Exception {
        HikariConfig config = new HikariConfig();
        config.setDataSource(pretended(DataSource.class));
        config.setMaximumPoolSize(3);
        config.setMinimumIdle(1);
        config.setLeakDetectionThreshold(60_000);
        config.setAllowPoolSuspension(true);
        AtomicInteger used = new AtomicInteger();
        ExecutorService users = Executors.newFixedThreadPool(THREADS);
        try (HikariDataSource pool = new HikariDataSource(config)) {
            List<Future<?>> all = new ArrayList<>();
            for (int t = 0; t < THREADS; t++) {
                all.add(users.submit(() -> {
                    for (int i = 0; i < ROUNDS; i++) {
                        use(pool, i);
                        used.incrementAndGet();
                    }
                    return null;
                }));
            }
            for (int i = 0; i < 20; i++) {
                pool.getHikariPoolMXBean().suspendPool();
                pool.getHikariPoolMXBean().softEvictConnections();
                pool.getHikariPoolMXBean().resumePool();
            }
            for (Future<?> f : all) {
                f.get(120, TimeUnit.SECONDS);
            }
        }
        users.shutdown();
        System.out.println("used " + used);
    }

    private static void use(HikariDataSource pool, int i) throws SQLException {
        try (Connection c = pool.getConnection();
                PreparedStatement s = c.prepareStatement("select 1")) {
            c.setAutoCommit(i % 2 == 0);
            s.execute();
            if (i % 100 == 0) {
                pool.evictConnection(c);
            }
        }
    }

    /// An object of an interface whose methods do nothing, and give more of the kind.
    private static <T> T pretended(Class<T> type) {
        Object made = Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type},
                (self, method, arguments) -> {
                    Class<?> result = method.getReturnType();
                    return switch (method.getName()) {
                        case "isValid" -> true;
                        case "hashCode" -> System.identityHashCode(self);
                        case "equals" -> self == arguments[0];
                        case "toString" -> "pretended " + type.getSimpleName();
                        default -> result == boolean.class ? (Object) false
                                : result == int.class ? (Object) 0
                                : result == long.class ? (Object) 0L
                                : result.isInterface() ? pretended(result) : null;
                    };
                });
        return type.cast(made);
    }
}
