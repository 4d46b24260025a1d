package dev.polder.model;

import dev.polder.gfp.Gfp;
import java.util.List;

/// What a step led to, on the real pool or on the model.
///
/// @param result how the request ended
/// @param requests the page requests, in the order in which they ended
/// @param calls the callbacks, in their order
/// @param facts what can be seen of what was handed out, and what was found wrong with it
/// @param after how things stand afterwards
public record Outcome(Result result, List<Request> requests, List<Call> calls,
        List<String> facts, State after) {

    /// How a request ended.
    public enum Result {
        /// No request was made.
        NONE,
        /// It got a run.
        GOT,
        /// It got nothing.
        FAILED,
        /// It was misuse, and told so.
        REFUSED,
        /// It waits for others, without an end that it could reach itself.
        WAITS
    }

    /// One page request.
    ///
    /// @param entry the mask it was made with
    /// @param used what the scopes left of it
    public record Request(int order, int entry, int used, boolean got) {
        @Override
        public String toString() {
            return "order " + order + ", " + Gfp.toString(entry) + ", used as "
                    + Gfp.toString(used) + (got ? ", served" : ", refused");
        }
    }

    /// One callback and what its control said.
    ///
    /// @param shrinker its number
    /// @param group the group asked for; -1 for all
    /// @param scan `scan`, else `count`
    /// @param toScan what is asked for; 0 for `count`
    public record Call(int shrinker, int group, boolean scan, long toScan, int gfp,
            boolean mayWait) {
        @Override
        public String toString() {
            return (scan ? "scan " + toScan + " of #" : "count #") + shrinker
                    + (group < 0 ? "" : " for group " + group) + " under " + Gfp.toString(gfp)
                    + (mayWait ? ", may wait" : "");
        }
    }

    /// How things stand.
    ///
    /// @param free free frames
    /// @param kept frames in blocks kept for atomic requests
    /// @param deferred what is deferred for each shrinker
    /// @param charged frames charged to each group and those below it
    /// @param failed whether each group has failed
    public record State(long free, long kept, List<Long> deferred, List<Long> charged,
            List<Boolean> failed) {
    }

    /// What differs from `other`, in words; empty if nothing does. Where both wait they may have
    /// been stopped after different numbers of rounds.
    String difference(Outcome model) {
        if (result != model.result) {
            return "result " + result + ", should be " + model.result;
        }
        boolean whole = result != Result.WAITS;
        String difference = difference("request", requests, model.requests, whole);
        if (difference.isEmpty()) {
            difference = difference("callback", calls, model.calls, whole);
        }
        if (difference.isEmpty()) {
            difference = difference("fact", facts, model.facts, true);
        }
        if (!difference.isEmpty() || result == Result.WAITS || after.equals(model.after)) {
            return difference;
        }
        return after + ", should be " + model.after;
    }

    private String difference(String what, List<?> mine, List<?> its, boolean whole) {
        int common = !whole ? Math.min(mine.size(), its.size())
                : Math.max(mine.size(), its.size());
        for (int i = 0; i < common; i++) {
            Object is = i < mine.size() ? mine.get(i) : "missing";
            Object should = i < its.size() ? its.get(i) : "none";
            if (!is.equals(should)) {
                return what + " " + i + " is " + is + ", should be " + should;
            }
        }
        return "";
    }

    /// Frames as the pieces in which they follow one another.
    static String pieces(List<Long> frames) {
        StringBuilder out = new StringBuilder("frames");
        for (int i = 0; i < frames.size(); i++) {
            int from = i;
            while (i + 1 < frames.size() && frames.get(i + 1) == frames.get(i) + 1) {
                i++;
            }
            out.append(' ').append(frames.get(from)).append("..").append(frames.get(i));
        }
        return out.toString();
    }

    /// What another thread finds while a request waits: who has failed, and who pays for how many
    /// frames.
    static String meanwhile(List<Boolean> failed, List<Long> charged) {
        return "meanwhile failed " + failed + ", charged " + charged;
    }
}
