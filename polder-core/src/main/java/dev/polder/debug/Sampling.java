package dev.polder.debug;

import java.time.Duration;

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

    /// Refuses what cannot be meant.
    public Sampling {
        if (every < 0 || intervalNanos < 0) {
            throw new IllegalArgumentException("samples must be 0 or more refills and nanoseconds"
                    + " apart, not " + every + " and " + intervalNanos);
        }
    }

    /// At most one sample in each interval; 100 ms is the kernel's choice.
    public static Sampling each(Duration interval) {
        return new Sampling(EVERY, interval.toNanos());
    }

    /// What the system property says.
    public static Sampling ofProperty() {
        long millis = Long.getLong(PROPERTY, 0);
        return millis <= 0 ? OFF : each(Duration.ofMillis(millis));
    }
}
