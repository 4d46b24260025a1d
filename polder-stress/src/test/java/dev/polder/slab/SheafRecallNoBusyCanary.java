package dev.polder.slab;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/// The same without a look at the busy word, and so without the barrier that is to make it seen:
/// the owner may be inside.
@JCStressTest
@Outcome(id = "7", expect = Expect.ACCEPTABLE, desc = "every object in one place")
@Outcome(expect = Expect.ACCEPTABLE_INTERESTING, desc = "an object in two places, or in none")
@State
public class SheafRecallNoBusyCanary extends RecalledSheaves {
    /// The owner.
    @Actor
    public void owner() {
        takeAndGive();
    }

    /// The drainer.
    @Actor
    public void drainer() {
        drain(false, false);
    }

    /// Counts the objects.
    @Arbiter
    public void count(I_Result r) {
        r.r1 = sum();
    }
}
