package dev.polder.gfp;

import java.util.Objects;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReadWriteLock;

/// One store, one cache, one tenant: what reclaim must leave alone while its locks are held,
/// without leaving everything else alone, too.
///
/// A shrinker may be registered with a domain. A thread that excludes the domain is never sent into
/// that shrinker's `scan`; it goes on to reclaim from all others. Linux has only the coarse form
/// (NOFS: no file system at all).
public final class ReclaimDomain {
    static {
        Wiring.touch();
    }

    private final String name;

    private ReclaimDomain(String name) {
        this.name = name;
    }

    /// A new domain. Each call makes a new identity; the name is for people.
    public static ReclaimDomain of(String name) {
        return new ReclaimDomain(Objects.requireNonNull(name, "name"));
    }

    /// The name for people.
    public String name() {
        return name;
    }

    /// The same lock, holding which excludes this domain: nobody can forget it.
    ///
    /// Works with every form of locking, in any order of unlocking, reentrantly; a failed attempt
    /// excludes nothing; `Condition.await` leaves the exclusion and re-enters it. The exclusion
    /// begins just before the lock is waited for and ends just after it is released, so it is in
    /// force whenever the lock is held. Lock and unlock through the guard only, on one thread.
    ///
    /// @param lock the lock to guard
    /// @param site why: for messages
    public Lock guard(Lock lock, ScopeSite site) {
        Objects.requireNonNull(lock, "lock");
        return new GuardedLock(lock, this, Objects.requireNonNull(site, "site"), null);
    }

    /// As `guard(Lock, ScopeSite)`, with the place of this call.
    public Lock guard(Lock lock, String reason) {
        return guard(lock, ScopeSite.of(reason));
    }

    /// The same pair of locks, holding either of which excludes this domain.
    ///
    /// @param lock the pair to guard
    /// @param site why: for messages
    public ReadWriteLock guard(ReadWriteLock lock, ScopeSite site) {
        Objects.requireNonNull(lock, "lock");
        return new GuardedReadWriteLock(lock, this, Objects.requireNonNull(site, "site"));
    }

    /// As `guard(ReadWriteLock, ScopeSite)`, with the place of this call.
    public ReadWriteLock guard(ReadWriteLock lock, String reason) {
        return guard(lock, ScopeSite.of(reason));
    }

    /// Whether the current thread holds the lock, as far as that can be told: a guarded lock
    /// (either side of a guarded pair), a `ReentrantLock`, a `ReentrantReadWriteLock.WriteLock`, or
    /// any lock that an installed lock checker follows. False for others, such as a bare read lock.
    public static boolean heldByCurrentThread(Lock lock) {
        return LockHeld.byCurrentThread(lock);
    }

    /// The name.
    @Override
    public String toString() {
        return name;
    }
}
