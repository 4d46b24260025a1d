package dev.polder.os;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;

/// How many mappings Polder may own in this process.
///
/// Linux allows a process `vm.max_map_count` mappings (65,530 by default), and at that limit the
/// JVM itself ends, with the next thread it starts or heap region it commits. So whoever maps
/// reserves the worst case of its operation first, makes its calls, and gives back what it did not
/// need. A refusal is a shortage like any other.
///
/// Where other parts of the process need more than the rest, the system property
/// `dev.polder.mappings` sets a smaller number; it never raises it.
///
/// Threads: any. No lock; one atomic operation each.
public final class MappingBudget {
    /// Polder's share of the process limit, as a divisor: the JVM, its code cache, thread stacks
    /// and other libraries' mapped files have the rest.
    private static final int SHARE = 4;
    /// Assumed where `/proc` does not tell: the kernel's default.
    private static final int DEFAULT_MAX_MAP_COUNT = 65_530;

    /// A smaller limit for this process, read once.
    static final String LIMIT_PROPERTY = "dev.polder.mappings";

    private static final class OfProcess {
        static final MappingBudget INSTANCE = new MappingBudget(
                Math.min(maxMapCount() / SHARE, wanted()));
    }

    private final int limit;
    /// `0 <= used <= limit`.
    private final AtomicInteger used = new AtomicInteger();

    private MappingBudget(int limit) {
        this.limit = limit;
    }

    /// The budget that all pools of this process share: a quarter of `vm.max_map_count`, or what
    /// the property says if that is less.
    ///
    /// @throws IllegalArgumentException if the property is no number
    public static MappingBudget ofSystem() {
        wanted(); // thrown from here, and not as a failure to initialize a class
        return OfProcess.INSTANCE;
    }

    /// A budget of its own, for tests.
    public static MappingBudget of(int limit) {
        if (limit < 0) {
            throw new IllegalArgumentException("negative limit: " + limit);
        }
        return new MappingBudget(limit);
    }

    /// Takes `n` mappings, all or none.
    ///
    /// @return false if fewer than `n` are left; nothing was taken then
    public boolean tryReserve(int n) {
        if (n < 0) {
            throw new IllegalArgumentException("negative number of mappings: " + n);
        }
        int now = used.get();
        while (n <= limit - now) {
            int seen = used.compareAndExchange(now, now + n);
            if (seen == now) {
                return true;
            }
            now = seen;
        }
        return false;
    }

    /// Gives back `n` mappings.
    ///
    /// @throws IllegalStateException if more is given back than was taken
    public void release(int n) {
        if (n < 0) {
            throw new IllegalArgumentException("negative number of mappings: " + n);
        }
        int left = used.addAndGet(-n);
        if (left < 0) {
            used.addAndGet(n);
            throw new IllegalStateException(
                    "released " + n + " mappings, but only " + (left + n) + " were reserved");
        }
    }

    /// Mappings taken now.
    public int used() {
        return used.get();
    }

    /// Mappings that may be taken in all.
    public int limit() {
        return limit;
    }

    /// What the property says; without it no number is too large.
    private static int wanted() {
        String value = System.getProperty(LIMIT_PROPERTY);
        if (value == null) {
            return Integer.MAX_VALUE;
        }
        if (!value.strip().matches("\\d{1,9}")) {
            throw new IllegalArgumentException("the system property " + LIMIT_PROPERTY
                    + " must be a number of mappings, not '" + value + "'");
        }
        return Integer.parseInt(value.strip());
    }

    private static int maxMapCount() {
        byte[] digits = new byte[32];
        try (InputStream in = Files.newInputStream(Path.of("/proc/sys/vm/max_map_count"))) {
            // One read: the kernel gives such a number out at offset 0 only, and Files.readString
            // would begin with a read of one byte.
            int n = Math.max(0, in.read(digits));
            String text = new String(digits, 0, n, StandardCharsets.US_ASCII).strip();
            return Math.clamp(Long.parseLong(text), 0, Integer.MAX_VALUE);
        } catch (IOException | NumberFormatException _) {
            return DEFAULT_MAX_MAP_COUNT;
        }
    }

    @Override
    public String toString() {
        return used() + " of " + limit + " mappings";
    }
}
