package dev.polder.slab;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/// A recall while the owner takes an object and gives another.
@JCStressTest
@Outcome(id = "7", expect = Expect.ACCEPTABLE, desc = "every object in one place")
@Outcome(expect = Expect.FORBIDDEN, desc = "an object in two places, or in none")
@State
public class SheafRecallGiveStress extends RecalledSheaves {
    /// The owner.
    @Actor
    public void owner() {
        takeAndGive();
    }

    /// The drainer.
    @Actor
    public void drainer() {
        drain();
    }

    /// Counts the objects.
    @Arbiter
    public void count(I_Result r) {
        r.r1 = sum();
    }
}
