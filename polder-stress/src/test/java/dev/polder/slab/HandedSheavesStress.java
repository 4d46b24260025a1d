package dev.polder.slab;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/// Full sheaves go from the thread that gives to the one that takes.
@JCStressTest
@Outcome(id = "0", expect = Expect.ACCEPTABLE, desc = "every object is one's alone")
@Outcome(expect = Expect.FORBIDDEN, desc = "an object had two holders")
@State
public class HandedSheavesStress extends HandedSheaves {
    /// Takes objects.
    @Actor
    public void taker() {
        take();
    }

    /// Gives them back.
    @Actor
    public void giver() {
        give();
    }

    /// Counts what was wrong.
    @Arbiter
    public void count(I_Result r) {
        r.r1 = faults();
    }
}
