package dev.polder.slab;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/// The same past the stripes' words.
@JCStressTest
@Outcome(id = "0", expect = Expect.ACCEPTABLE, desc = "every object is one's alone")
@Outcome(expect = Expect.ACCEPTABLE_INTERESTING, desc = "an object had two holders")
@State
public class StripeRecallUnlockedCanary extends RecalledStripes {
    /// Who uses objects.
    @Actor
    public void taker() {
        user();
    }

    /// Somebody who reclaims.
    @Actor
    public void drainer() {
        drainUnlocked();
    }

    /// Counts what was wrong.
    @Arbiter
    public void count(I_Result r) {
        r.r1 = faults();
    }
}
