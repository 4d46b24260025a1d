package dev.polder.os;

import java.util.concurrent.locks.LockSupport;

/// Time and parking, so that everything that waits can be tested on virtual time.
///
/// The kernel counts in ticks of 1/HZ; Polder keeps its tick of 4 ms, so that a wait of one tick or
/// of HZ/50 in a row of the specification has the same length here. Parking has the contract of
/// [LockSupport]: a permit given before the park is not lost, a park may return for no reason,
/// and an interrupted thread does not park; its interrupt flag stays set.
public interface Clock {
    /// Ticks in a second.
    long HZ = 250;
    /// One tick in nanoseconds.
    long TICK_NANOS = 1_000_000_000L / HZ;

    /// A time in nanoseconds from an arbitrary origin. Compare differences only.
    long nanos();

    /// Parks the calling thread until [#unpark], an interrupt or, where `nanos` is above 0, for at
    /// most `nanos` nanoseconds; with `nanos` of 0 or less there is no limit.
    ///
    /// @param blocker shown by thread dumps as what the thread waits for
    void park(Object blocker, long nanos);

    /// Gives `thread` its permit, which ends its park or makes the next one return at once.
    void unpark(Thread thread);

    /// Real time and [LockSupport].
    static Clock system() {
        return SystemClock.INSTANCE;
    }
}
