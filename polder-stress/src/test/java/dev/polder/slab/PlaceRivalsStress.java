package dev.polder.slab;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/// Two living threads want one place of the table: who has it keeps it until he leaves.
@JCStressTest
@Outcome(id = "0", expect = Expect.ACCEPTABLE, desc = "who sat there sits there still")
@Outcome(expect = Expect.FORBIDDEN, desc = "somebody lost a place that was his")
@State
public class PlaceRivalsStress extends ReusedPlace {
    /// Wants the place.
    @Actor
    public void newcomer() {
        sit();
    }

    /// Wants it, too.
    @Actor
    public void rival() {
        otherSits();
    }

    /// Looks who sits there.
    @Arbiter
    public void look(I_Result r) {
        r.r1 = faults();
    }
}
