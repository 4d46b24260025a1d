package dev.polder.slab;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/// A recall of the runs that `kmalloc` keeps in sheaves while their owner takes and gives them.
@JCStressTest
@Outcome(id = "0", expect = Expect.ACCEPTABLE, desc = "every run is one's alone")
@Outcome(expect = Expect.FORBIDDEN, desc = "two holders or another's record")
@State
public class RunRecallStress extends RecalledRuns {
    /// The owner.
    @Actor
    public void taker() {
        owner();
    }

    /// Somebody who reclaims.
    @Actor
    public void drainer() {
        drain();
    }

    /// Counts what was wrong.
    @Arbiter
    public void count(I_Result r) {
        r.r1 = faults();
    }
}
