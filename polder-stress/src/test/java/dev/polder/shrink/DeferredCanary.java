package dev.polder.shrink;

import java.util.concurrent.atomic.AtomicLong;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.J_Result;

/// A counter of deferred work that is taken in two steps loses what is put back between.
@JCStressTest
@Outcome(id = "7", expect = Expect.ACCEPTABLE, desc = "all work is there once")
@Outcome(expect = Expect.ACCEPTABLE_INTERESTING, desc = "work lost or doubled")
@State
public class DeferredCanary {
    private final AtomicLong deferred = new AtomicLong(3);
    private long taken;

    /// Puts work back.
    @Actor
    public void adder() {
        deferred.addAndGet(4);
    }

    /// Takes what there is, in two steps.
    @Actor
    public void taker() {
        taken = deferred.get();
        deferred.set(0);
    }

    /// Counts.
    @Arbiter
    public void count(J_Result r) {
        r.r1 = taken + deferred.get();
    }
}
