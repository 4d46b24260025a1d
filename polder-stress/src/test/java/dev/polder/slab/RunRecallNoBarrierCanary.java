package dev.polder.slab;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/// The same without the barrier and the look at the busy word: the owner may be inside.
@JCStressTest
@Outcome(id = "0", expect = Expect.ACCEPTABLE, desc = "every run is one's alone")
@Outcome(expect = Expect.ACCEPTABLE_INTERESTING, desc = "two holders or another's record")
@State
public class RunRecallNoBarrierCanary extends RecalledRuns {
    /// The owner.
    @Actor
    public void taker() {
        owner();
    }

    /// Somebody who reclaims.
    @Actor
    public void drainer() {
        drainWithoutBarrier();
    }

    /// Counts what was wrong.
    @Arbiter
    public void count(I_Result r) {
        r.r1 = faults();
    }
}
