package dev.polder.slab;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/// The same without the second look: the owner's slow path may have opened a sheaf behind the
/// drainer's back.
@JCStressTest
@Outcome(id = "7", expect = Expect.ACCEPTABLE, desc = "every object in one place")
@Outcome(expect = Expect.ACCEPTABLE_INTERESTING, desc = "an object in two places, or in none")
@State
public class SheafRecallNoLookCanary extends RecalledSheaves {
    /// The owner.
    @Actor
    public void owner() {
        takeMoreAndGive();
    }

    /// The drainer.
    @Actor
    public void drainer() {
        drain(true, true);
    }

    /// Counts the objects.
    @Arbiter
    public void count(I_Result r) {
        r.r1 = sum();
    }
}
