package dev.polder.os;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.Z_Result;

/// The same where one is woken.
@JCStressTest
@Outcome(id = "true", expect = Expect.ACCEPTABLE, desc = "saw the condition, or was woken")
@Outcome(id = "false", expect = Expect.FORBIDDEN, desc = "slept through its wake-up")
@State
public class WakeOneStress {
    private final SpinClock clock = new SpinClock();
    private final WaitQueue queue = new WaitQueue(clock);
    private volatile boolean condition;

    /// Waits for the condition, once.
    @Actor
    public void waiter(Z_Result r) {
        long seen = queue.sequence();
        r.r1 = condition || queue.await(seen, 1);
    }

    /// Makes it true.
    @Actor
    public void waker() {
        condition = true;
        queue.wakeOne();
        clock.over();
    }
}
