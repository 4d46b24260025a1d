package dev.polder.slab;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.I_Result;

/// A place that is looked at and then cleared, in two steps: a newcomer may lose it again.
@JCStressTest
@Outcome(id = {"0", "1"}, expect = Expect.ACCEPTABLE, desc = "who sat there sits there still")
@Outcome(expect = Expect.ACCEPTABLE_INTERESTING, desc = "somebody lost a place that was his")
@State
public class PlaceClearedLateCanary {
    private static final int VACANT = 0;
    private static final int ENDED = 1;
    private static final int NEWCOMER = 2;

    private volatile int place = ENDED;
    private boolean sat;

    /// Takes the ended thread's sheaves out.
    @Actor
    public void reaper() {
        if (place == ENDED) {
            place = VACANT;
        }
    }

    /// Takes the place.
    @Actor
    public void newcomer() {
        place = NEWCOMER;
        sat = place == NEWCOMER;
    }

    /// Looks who sits there.
    @Arbiter
    public void look(I_Result r) {
        r.r1 = (sat ? 1 : 0) + (sat && place != NEWCOMER ? 10 : 0);
    }
}
