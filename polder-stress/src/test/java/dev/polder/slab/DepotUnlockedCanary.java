package dev.polder.slab;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/// Sheaves in a depot without a lock: two threads get the same.
@JCStressTest
@Outcome(id = "3", expect = Expect.ACCEPTABLE, desc = "every sheaf is handed out once")
@Outcome(expect = Expect.ACCEPTABLE_INTERESTING, desc = "one was handed out twice")
@State
public class DepotUnlockedCanary {
    private final int[] filled = {1, 2};
    private int count = filled.length;
    private int one;
    private int other;

    /// Takes a sheaf.
    @Actor
    public void taker() {
        one = filled[--count];
    }

    /// Takes another.
    @Actor
    public void secondTaker() {
        other = filled[--count];
    }

    /// Adds them up.
    @Arbiter
    public void count(I_Result r) {
        r.r1 = one + other;
    }
}
