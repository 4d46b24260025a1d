package dev.polder.page;

import dev.polder.memgroup.MemGroup;
import org.jspecify.annotations.Nullable;

/// Chooses the memory group to fail when nothing can be reclaimed any more. The kernel's OOM
/// killer; a group stands where the kernel has a process, and nobody's thread is stopped.
///
/// It is called on the thread that asks for memory, with no Polder lock held, one call at a time
/// for a pool. It must be quick and must not allocate from the pool. A group that it returns is
/// marked as failed: its further charges are refused until `reset()`.
@FunctionalInterface
public interface OutOfMemoryPolicy {
    /// The group to fail, or null if none should be: then the request gets nothing.
    ///
    /// @param root the pool's root group
    /// @param requester the group that asks, the root if none was entered
    @Nullable MemGroup choose(MemGroup root, MemGroup requester);

    /// Fails the group with the largest charge that is neither failed already nor an ancestor of
    /// the requester nor the requester itself.
    static OutOfMemoryPolicy largestGroup() {
        return OutOfMemoryPolicy::largest;
    }

    private static @Nullable MemGroup largest(MemGroup at, MemGroup requester) {
        MemGroup best = null;
        for (MemGroup child : at.children()) {
            boolean above = false;
            for (MemGroup g = requester; g != null; g = g.parent()) {
                above |= g == child;
            }
            MemGroup candidate = above ? largest(child, requester) : child;
            if (candidate != null && !candidate.failed() && candidate.charged() > 0
                    && (best == null || candidate.charged() > best.charged())) {
                best = candidate;
            }
        }
        return best;
    }
}
