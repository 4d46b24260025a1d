package dev.polder.os;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.Z_Result;

/// A waiter that reads the sequence after the condition misses the wake-up between.
@JCStressTest
@Outcome(id = "true", expect = Expect.ACCEPTABLE, desc = "saw the condition, or was woken")
@Outcome(id = "false", expect = Expect.ACCEPTABLE_INTERESTING, desc = "slept through its wake-up")
@State
public class SequenceReadLateCanary extends WokenWaiter {
    /// Waits for the condition, once.
    @Actor
    public void waiter(Z_Result r) {
        r.r1 = awaitLookingLate();
    }

    /// Makes it true.
    @Actor
    public void waker() {
        wakeAll();
    }
}
