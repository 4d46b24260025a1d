package dev.polder.slab;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/// The sheaves of an ended thread leave the table while a newcomer takes their place.
@JCStressTest
@Outcome(id = "0", expect = Expect.ACCEPTABLE, desc = "who sat there sits there still")
@Outcome(expect = Expect.FORBIDDEN, desc = "somebody lost a place that was his")
@State
public class PlaceReuseStress extends ReusedPlace {
    /// Puts the ended thread's sheaves there and takes them out.
    @Actor
    public void reaper() {
        comeAndGo();
    }

    /// Takes the place.
    @Actor
    public void newcomer() {
        sit();
    }

    /// Looks who sits there.
    @Arbiter
    public void look(I_Result r) {
        r.r1 = faults();
    }
}
