package dev.polder.memgroup;

import java.util.concurrent.atomic.AtomicLong;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.Z_Result;

/// A charge that looks before, and not after, whether the group was closed: it is forgotten.
@JCStressTest
@Outcome(id = "true", expect = Expect.ACCEPTABLE, desc = "the charge is found")
@Outcome(id = "false", expect = Expect.ACCEPTABLE_INTERESTING, desc = "a charge was forgotten")
@State
public class ClosedBeforeChargeCanary {
    private final AtomicLong charged = new AtomicLong();
    private volatile boolean closed;
    private volatile boolean listed = true;

    /// Charges.
    @Actor
    public void charger() {
        boolean late = closed;
        charged.addAndGet(1);
        if (late) {
            listed = true;
        }
    }

    /// Closes, and forgets a group without a charge.
    @Actor
    public void closer() {
        closed = true;
        if (charged.get() == 0) {
            listed = false;
        }
    }

    /// Looks whether it is found.
    @Arbiter
    public void look(Z_Result r) {
        r.r1 = listed;
    }
}
