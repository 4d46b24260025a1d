package dev.polder.model;

import dev.polder.gfp.Gfp;
import java.util.List;

/// What a step led to, on the real pool or on the model.
///
/// @param result how the request ended
/// @param calls the callbacks, in their order
/// @param deferred what is deferred for each shrinker afterwards
/// @param free free frames afterwards
public record Outcome(Result result, List<Call> calls, List<Long> deferred, long free) {

    /// How a request ended.
    public enum Result {
        /// No request was made.
        NONE,
        /// It got a run.
        GOT,
        /// It got nothing.
        FAILED,
        /// It waits for others, without an end that it could reach itself.
        WAITS
    }

    /// One callback and what its control said.
    ///
    /// @param shrinker its number
    /// @param scan `scan`, else `count`
    /// @param toScan what is asked for; 0 for `count`
    public record Call(int shrinker, boolean scan, long toScan, int gfp, boolean mayWait) {
        @Override
        public String toString() {
            return (scan ? "scan " + toScan + " of #" : "count #") + shrinker + " under "
                    + Gfp.toString(gfp) + (mayWait ? ", may wait" : "");
        }
    }

    /// What differs from `other`, in words; empty if nothing does. Where both wait they may have
    /// been stopped after different numbers of rounds.
    String difference(Outcome model) {
        if (result != model.result) {
            return "result " + result + ", should be " + model.result;
        }
        int common = result == Result.WAITS ? Math.min(calls.size(), model.calls.size())
                : Math.max(calls.size(), model.calls.size());
        for (int i = 0; i < common; i++) {
            Call mine = i < calls.size() ? calls.get(i) : null;
            Call its = i < model.calls.size() ? model.calls.get(i) : null;
            if (mine == null || !mine.equals(its)) {
                return "callback " + i + " is " + mine + ", should be " + its;
            }
        }
        if (result == Result.WAITS) {
            return "";
        }
        if (!deferred.equals(model.deferred)) {
            return "deferred " + deferred + ", should be " + model.deferred;
        }
        return free == model.free ? "" : "free " + free + ", should be " + model.free;
    }
}
