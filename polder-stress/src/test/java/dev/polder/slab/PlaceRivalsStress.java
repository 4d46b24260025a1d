package dev.polder.slab;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/// Two newcomers want the place of an ended thread's sheaves: one gets it.
@JCStressTest
@Outcome(id = "1", expect = Expect.ACCEPTABLE, desc = "one of them sits there")
@Outcome(expect = Expect.FORBIDDEN, desc = "both, or none, or one that was there no longer")
@State
public class PlaceRivalsStress extends ReusedPlace {
    /// Wants the place.
    @Actor
    public void newcomer() {
        settleOne();
    }

    /// Wants it, too.
    @Actor
    public void rival() {
        settleOther();
    }

    /// Looks who sits there.
    @Arbiter
    public void look(I_Result r) {
        r.r1 = sum();
    }
}
