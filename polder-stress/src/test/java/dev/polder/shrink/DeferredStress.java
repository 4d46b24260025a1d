package dev.polder.shrink;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.J_Result;

/// Deferred work of a group that is put back by one reclaimer while another takes it: none is
/// lost, none is done twice. The group's counter is made in the race.
@JCStressTest
@Outcome(id = "7", expect = Expect.ACCEPTABLE, desc = "all work is there once")
@Outcome(expect = Expect.FORBIDDEN, desc = "work lost or doubled")
@State
public class DeferredStress {
    private static final long GROUP = 9;

    private final Deferred deferred = new Deferred();
    private long taken;

    /// Puts work back.
    @Actor
    public void adder() {
        deferred.add(GROUP, 3);
        deferred.add(GROUP, 4);
    }

    /// Takes what there is.
    @Actor
    public void taker() {
        taken = deferred.take(GROUP);
    }

    /// Counts.
    @Arbiter
    public void count(J_Result r) {
        r.r1 = taken + deferred.total();
    }
}
