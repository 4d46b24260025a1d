package dev.polder.task;

/// What a thread's last failed request for pages went through, for the report of the failure. One a
/// task, written again and again, so that a failure allocates nothing.
public final class FailedRequest {
    private int order = -1;
    private int gfp;
    private int rounds;
    private long freedFrames;
    private long nanos;

    FailedRequest() {}

    /// Notes a failure.
    ///
    /// @param order the run's order
    /// @param gfp the mask as the scopes left it
    /// @param rounds attempts beyond the first, with reclaim before each if the mask may block
    /// @param freedFrames what the thread's own reclaim gave back meanwhile
    /// @param nanos time from the first attempt to the last
    public void set(int order, int gfp, int rounds, long freedFrames, long nanos) {
        this.order = order;
        this.gfp = gfp;
        this.rounds = rounds;
        this.freedFrames = freedFrames;
        this.nanos = nanos;
    }

    /// Forgets it: the next report is of another request.
    public void clear() {
        order = -1;
    }

    /// The run's order; -1 if no request has failed since [#clear].
    public int order() {
        return order;
    }

    /// The mask as the scopes left it.
    public int gfp() {
        return gfp;
    }

    /// Attempts beyond the first.
    public int rounds() {
        return rounds;
    }

    /// Frames that the thread's own reclaim gave back.
    public long freedFrames() {
        return freedFrames;
    }

    /// Time from the first attempt to the last.
    public long nanos() {
        return nanos;
    }
}
