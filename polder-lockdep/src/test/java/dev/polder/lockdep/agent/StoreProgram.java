package dev.polder.lockdep.agent;

import dev.polder.Polder;
import dev.polder.PolderConfig;
import dev.polder.lockdep.report.Findings;
import dev.polder.store.Durability;
import dev.polder.store.ReclaimPolicy;
import dev.polder.store.Store;
import dev.polder.store.StoreConfig;
import dev.polder.store.Transaction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;

/// Two stores in one pool with memory aplenty, and one thread that writes to them in turn: for the
/// agent to watch. Ends at the first finding, because an unguarded writer hangs right after it.
final class StoreProgram {
    private static final int TRANSACTIONS = 60;
    private static final int KEYS = 50;

    private StoreProgram() {}

    /// `folder policy...`: one after the other.
    public static void main(String[] args) throws InterruptedException {
        Findings findings = Objects.requireNonNull(Findings.ofThisJvm(), "there is no agent");
        for (int i = 1; i < args.length; i++) {
            ReclaimPolicy policy = ReclaimPolicy.valueOf(args[i]);
            Path dir = Path.of(args[0], args[i]);
            Thread writer = Thread.ofPlatform().daemon().name("writer")
                    .start(() -> write(dir, policy));
            while (!writer.join(Duration.ofMillis(20))) {
                if (!findings.reports().isEmpty()) {
                    Runtime.getRuntime().exit(0);
                }
            }
        }
    }

    private static void write(Path dir, ReclaimPolicy policy) {
        StoreConfig.Builder config = StoreConfig.builder().durability(Durability.GROUP)
                .commitIntervalMillis(2).journalBytes(8 << 20).policy(policy);
        PolderConfig budget = PolderConfig.builder().name("two").budget(64L << 20).build();
        try (Polder pool = Polder.open(budget);
                Store a = Store.open(dir.resolve("a"), pool, config.name("a").build());
                Store b = Store.open(dir.resolve("b"), pool, config.name("b").build())) {
            for (int n = 0; n < TRANSACTIONS; n++) {
                Store store = n % 2 == 0 ? a : b;
                try (Transaction t = store.begin()) {
                    t.put(key(n), new byte[1 + n * 100]);
                    t.commit();
                }
                store.get(key(n / 2));
            }
            a.flush();
            b.verify();
        }
    }

    private static byte[] key(int n) {
        return ("key-" + n % KEYS).getBytes(StandardCharsets.UTF_8);
    }
}
