package dev.polder.memgroup;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.Z_Result;

/// The same where what was charged goes at once: nothing is left of it, and nothing of the groups.
@JCStressTest
@Outcome(id = "true", expect = Expect.ACCEPTABLE, desc = "nothing is left")
@Outcome(id = "false", expect = Expect.FORBIDDEN, desc = "something is charged, or a group stays")
@State
public class UnchargeWhileClosingStress extends ClosedGroup {
    private boolean charged;

    /// Charges and takes the charge back.
    @Actor
    public void charger() {
        charged = tryCharge();
        if (charged) {
            uncharge();
        }
    }

    /// Closes both groups.
    @Actor
    public void closer() {
        close();
    }

    /// Audits.
    @Arbiter
    public void audit(Z_Result r) {
        r.r1 = charged & agrees(false) & forgotten();
    }
}
