package dev.polder.memgroup;

import dev.polder.base.Frames;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.J_Result;

/// The last object of a group is dropped while another is charged: every frame that was charged
/// for objects comes back exactly once and whole, whoever empties it.
@JCStressTest
@Outcome(id = "0", expect = Expect.ACCEPTABLE, desc = "all that was charged came back")
@Outcome(expect = Expect.FORBIDDEN, desc = "a charge was lost or doubled")
@State
public class ObjectBytesStress {
    private static final long FIRST = 1000;
    private static final long SECOND = 2000;

    private final ObjectBytes objects = new ObjectBytes();
    private long charged = Frames.SIZE;
    private long back;

    /// One object is there.
    public ObjectBytesStress() {
        back = objects.add(FIRST, Frames.SIZE);
    }

    /// Charges an object, from the spare bytes or with a frame of its own.
    @Actor
    public void charger() {
        if (!objects.take(SECOND)) {
            charged += Frames.SIZE - objects.add(SECOND, Frames.SIZE);
        }
    }

    /// Drops the object that was there.
    @Actor
    public void dropper() {
        back += objects.drop(FIRST);
    }

    /// Drops the other; what is still charged then, and what came back of a broken frame.
    @Arbiter
    public void count(J_Result r) {
        r.r1 = charged - back - objects.drop(SECOND) + objects.used()
                + back % Frames.SIZE;
    }
}
