package dev.polder.memgroup;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.Z_Result;

/// A charge that meets the close of its group, and of the one above, is in the books, and the
/// groups go when it does.
@JCStressTest
@Outcome(id = "true", expect = Expect.ACCEPTABLE, desc = "charged, found and forgotten")
@Outcome(id = "false", expect = Expect.FORBIDDEN, desc = "a charge that the root does not reach")
@State
public class ChargeWhileClosingStress extends ClosedGroup {
    /// Charges and keeps.
    @Actor
    public void charger() {
        charge();
    }

    /// Closes both groups.
    @Actor
    public void closer() {
        close();
    }

    /// Audits.
    @Arbiter
    public void audit(Z_Result r) {
        boolean found = agrees(true);
        uncharge();
        r.r1 = found & agrees(false) & forgotten();
    }
}
