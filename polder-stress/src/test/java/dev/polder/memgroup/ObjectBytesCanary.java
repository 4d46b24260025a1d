package dev.polder.memgroup;

import dev.polder.base.Frames;
import java.util.concurrent.atomic.AtomicLong;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.J_Result;

/// The same with the two figures in two words, each changed atomically: what is spare when the last
/// object goes is given back although another object has just taken of it.
@JCStressTest
@Outcome(id = "0", expect = Expect.ACCEPTABLE, desc = "all that was charged came back")
@Outcome(expect = Expect.ACCEPTABLE_INTERESTING, desc = "a charge was lost or doubled")
@State
public class ObjectBytesCanary {
    private static final long FIRST = 1000;
    private static final long SECOND = 2000;

    private final AtomicLong used = new AtomicLong(FIRST);
    private final AtomicLong spare = new AtomicLong(Frames.SIZE - FIRST);
    private long charged = Frames.SIZE;
    private long back;

    /// Charges an object, from the spare bytes or with a frame of its own.
    @Actor
    public void charger() {
        if (spare.get() < SECOND) {
            charged += Frames.SIZE;
            spare.addAndGet(Frames.SIZE);
        }
        spare.addAndGet(-SECOND);
        used.addAndGet(SECOND);
    }

    /// Drops the object that was there.
    @Actor
    public void dropper() {
        back = drop(FIRST);
    }

    private long drop(long bytes) {
        if (used.addAndGet(-bytes) != 0) {
            spare.addAndGet(bytes);
            return 0;
        }
        return spare.getAndSet(0) + bytes;
    }

    /// Drops the other; what is still charged then, and what came back of a broken frame.
    @Arbiter
    public void count(J_Result r) {
        r.r1 = charged - back - drop(SECOND) + used.get()
                + back % Frames.SIZE;
    }
}
