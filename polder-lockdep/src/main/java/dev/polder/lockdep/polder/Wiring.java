package dev.polder.lockdep.polder;

import dev.polder.lockdep.advisor.Advisor;
import dev.polder.lockdep.engine.Lockdep;

/// Where the agent enters this package, by name, from another loader.
public final class Wiring {
    private Wiring() {}

    /// Installs a tracker; the locks themselves are seen by the agent.
    ///
    /// @param force every n-th allocation forces reclaim; 0 never
    public static void install(Lockdep engine, Advisor advisor, int force) {
        new PolderTracker(engine, advisor, new ForcedReclaim(force), false).install();
    }

    /// Installs a tracker that also takes guards for locks, because nobody sees the locks
    /// themselves.
    ///
    /// @param force every n-th allocation forces reclaim; 0 never
    public static void installWithoutAgent(Lockdep engine, int force) {
        new PolderTracker(engine, new Advisor(engine), new ForcedReclaim(force), true).install();
    }
}
