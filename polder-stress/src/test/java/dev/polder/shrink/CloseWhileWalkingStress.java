package dev.polder.shrink;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.Z_Result;

/// A shrinker whose close has returned is not called any more (row F12).
@JCStressTest
@Outcome(id = "false", expect = Expect.ACCEPTABLE, desc = "not called after its close")
@Outcome(id = "true", expect = Expect.FORBIDDEN, desc = "called after its close")
@State
public class CloseWhileWalkingStress extends ClosingShrinker {
    /// Reclaims.
    @Actor
    public void walker() {
        walk();
    }

    /// Unregisters.
    @Actor
    public void closer() {
        close();
    }

    /// Tells.
    @Arbiter
    public void called(Z_Result r) {
        r.r1 = calledAfterClose();
    }
}
