package dev.polder.slab;

import dev.polder.base.Check;
import dev.polder.base.Frames;
import dev.polder.debug.Trace;
import dev.polder.memgroup.ChargeAudit;
import dev.polder.memgroup.MemGroup;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/// A page of [Kfence] and the object that lies, or lay last, on it.
///
/// Notes
///
/// The fields belong to whoever took the slot out of the ring, until [#publish]; then to whoever
/// wins [#leave]. Others read them for reports, and may see a mixture.
final class SampledSlot {
    private enum State {
        FREE, LIVE, LEAVING
    }

    /// Address of the page.
    final long page;
    private final AtomicReference<State> life = new AtomicReference<>(State.FREE);
    @Nullable SlabCache cache;
    /// Bytes that were asked for.
    int size;
    /// As a slab keeps it of an object.
    short state;
    long object;
    /// The frame mapped at `page` while an object lives here.
    long run;
    /// Number of the sample; 0 for none yet.
    long serial;
    private @Nullable MemGroup payer;
    private @Nullable Trace allocated;
    private @Nullable Trace freed;

    SampledSlot(long page) {
        this.page = page;
    }

    /// Notes a new object, at the end of the page or at its beginning.
    void take(SlabCache cache, int size, short state, long run, boolean atEnd, long serial) {
        this.cache = cache;
        this.size = size;
        this.state = state;
        this.run = run;
        this.serial = serial;
        long alignment = cache.alignment();
        this.object = atEnd ? page + ((Frames.SIZE - size) & -alignment) : page;
        this.allocated = Trace.here();
        this.freed = null;
        assert object >= page && object + size <= page + Frames.SIZE : "it lies on its page";
    }

    /// Notes who pays for the object.
    void charge(MemGroup by) {
        payer = by;
    }

    /// Shows who pays for the object, if anybody does.
    void audit(ChargeAudit audit) {
        MemGroup by = payer;
        SlabCache of = cache;
        if (by != null && of != null) {
            audit.object(by, of.objectSize());
        }
    }

    /// Takes the charge off the object, if there is one. Neither waits nor allocates.
    void uncharge() {
        MemGroup by = payer;
        SlabCache of = cache;
        if (by != null && of != null) {
            payer = null;
            by.dropObject(of.objectSize());
        }
    }

    void publish() {
        life.set(State.LIVE);
    }

    boolean isLive() {
        return life.get() == State.LIVE;
    }

    /// Begins to free the object; false if it is not in use.
    boolean leave() {
        if (!life.compareAndSet(State.LIVE, State.LEAVING)) {
            return false;
        }
        freed = Trace.here();
        return true;
    }

    /// Ends to free the object: its page is covered.
    void freed() {
        run = 0;
        life.set(State.FREE);
    }

    /// Who took and who freed the object, as lines after a line break.
    String describe() {
        Trace a = allocated;
        Trace f = freed;
        return (a == null ? "" : "\n  " + a.describe("allocated"))
                + (f == null ? "" : "\n  " + f.describe("freed"));
    }

    /// How many methods on the stack of a fault also took or freed this object.
    int likeness(List<StackTraceElement> fault) {
        Set<String> methods = new HashSet<>();
        addMethods(allocated, methods);
        addMethods(freed, methods);
        int n = 0;
        for (StackTraceElement frame : fault) {
            n += methods.contains(method(frame)) ? 1 : 0;
        }
        return n;
    }

    private static void addMethods(@Nullable Trace trace, Set<String> to) {
        if (trace != null) {
            trace.stack().forEach(frame -> to.add(method(frame)));
        }
    }

    private static String method(StackTraceElement frame) {
        return frame.getClassName() + '#' + frame.getMethodName();
    }

    @Override
    public String toString() {
        return "a sampled object of " + size + " bytes at " + Check.hex(object) + " of "
                + cache + (isLive() ? "" : ", freed already");
    }
}
