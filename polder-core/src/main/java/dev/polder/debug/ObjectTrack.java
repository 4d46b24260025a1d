package dev.polder.debug;

import org.jspecify.annotations.Nullable;

/// What is known in debug mode of one place for an object: how large the last one was, who took it
/// and who gave it back. Written by whoever holds the object, so plain access suffices.
public final class ObjectTrack {
    private long requested;
    private @Nullable Trace allocated;
    private @Nullable Trace freed;

    /// A place that nobody has used yet.
    public ObjectTrack() {}

    /// Notes that the current thread takes an object of `bytes` here.
    public void allocated(long bytes) {
        requested = bytes;
        allocated = Trace.here();
        freed = null;
    }

    /// Notes that the current thread gives the object back.
    public void freed() {
        freed = Trace.here();
    }

    /// Bytes that were asked for.
    public long requested() {
        return requested;
    }

    /// Who took it last; null if nobody did.
    public @Nullable Trace allocatedBy() {
        return allocated;
    }

    /// True if the object was given back and the place not used again.
    public boolean isFreed() {
        return freed != null;
    }

    /// Both traces as lines, each after a line break; empty if there are none.
    public String describe() {
        Trace a = allocated;
        Trace f = freed;
        return (a == null ? "" : "\n  " + a.describe("allocated"))
                + (f == null ? "" : "\n  " + f.describe("freed"));
    }
}
