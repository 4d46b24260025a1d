package dev.polder.slab;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/// The same while reclaim calls the sheaves of both threads and the depot's home.
@JCStressTest
@Outcome(id = "0", expect = Expect.ACCEPTABLE, desc = "every object is one's alone")
@Outcome(expect = Expect.FORBIDDEN, desc = "an object had two holders")
@State
public class HandedSheavesRecallStress extends HandedSheaves {
    /// Takes objects.
    @Actor
    public void taker() {
        take();
    }

    /// Gives them back and reclaims.
    @Actor
    public void giver() {
        giveAndReclaim();
    }

    /// Counts what was wrong.
    @Arbiter
    public void count(I_Result r) {
        r.r1 = faults();
    }
}
