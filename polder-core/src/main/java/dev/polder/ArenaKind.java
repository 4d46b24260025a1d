package dev.polder;

/// Which threads may use the segments of an arena made by `Polder.arena`.
public enum ArenaKind {
    /// Only the thread that made the arena, which alone may close it.
    CONFINED,
    /// Any thread; closing it makes every access fail from then on.
    SHARED
}
