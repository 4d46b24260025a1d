package dev.polder.model;

import java.util.ArrayList;
import java.util.List;

/// Where the real allocators put things in one step, in the order in which the requests ended: that
/// is their own choice, and the model is told.
///
/// @param runs of frames that were handed out
/// @param addresses of objects and areas, from the linear map's start or vmalloc space's; -1 for a
///        request that got none
record Told(List<Run> runs, List<Long> addresses) {
    /// One run.
    ///
    /// @param inCallback whether a consumer asked for it while it was called
    record Run(int pfn, int order, boolean inCallback) {
    }

    Told() {
        this(new ArrayList<>(), new ArrayList<>());
    }
}
