package dev.polder.debug;

import java.time.Duration;
import java.util.Objects;

/// How often the sampler places an object on a page of its own between two guards. The kernel's
/// `kfence.sample_interval`.
///
/// @param every among how many refills of a thread's free objects one may be sampled; 0 for none
/// @param intervalNanos time that passes between two samples at least
public record Sampling(int every, long intervalNanos) {
    /// No samples: the default.
    public static final Sampling OFF = new Sampling(0, 0);
    /// Milliseconds between two samples, for every pool whose configuration does not say.
    public static final String PROPERTY = "dev.polder.sampling";
    /// Refills that are passed by before the clock is read at all: a request that finds no free
    /// object at hand costs hundreds of nanoseconds, a look at the clock some 25.
    private static final int EVERY = 8;
    /// Who samples less often than once a year does not sample.
    private static final Duration LONGEST = Duration.ofDays(365);

    /// Refuses what cannot be meant.
    public Sampling {
        if (every < 0 || intervalNanos < 0) {
            throw new IllegalArgumentException("samples must be 0 or more refills and nanoseconds"
                    + " apart, not " + every + " and " + intervalNanos);
        }
    }

    /// At most one sample in each interval; 100 ms is the kernel's choice.
    ///
    /// @throws IllegalArgumentException if it is negative, or longer than a year
    public static Sampling each(Duration interval) {
        if (Objects.requireNonNull(interval, "interval").compareTo(LONGEST) > 0) {
            throw new IllegalArgumentException("samples must be at most " + LONGEST.toDays()
                    + " days apart, not " + interval + "; use Sampling.OFF for none");
        }
        return new Sampling(EVERY, interval.toNanos());
    }

    /// What the system property says; 0 is off.
    ///
    /// @throws IllegalArgumentException if that is no number of milliseconds
    public static Sampling ofProperty() {
        String value = System.getProperty(PROPERTY, "0").strip();
        if (!value.matches("[0-9]{1,10}")) {
            throw new IllegalArgumentException("the system property " + PROPERTY + " must be the"
                    + " milliseconds between two samples, 0 for none, not '" + value + "'");
        }
        long millis = Long.parseLong(value);
        return millis == 0 ? OFF : each(Duration.ofMillis(millis));
    }
}
