package dev.polder.debug;

import java.io.Serial;

/// Memory was written where, or when, its user had no business to. Thrown in debug mode, and by the
/// sampler, to whoever gives the damaged object back; the object is free all the same.
public final class MemoryCorruptedException extends IllegalStateException {
    @Serial
    private static final long serialVersionUID = 1L;

    /// A report that says what was damaged and who used it.
    public MemoryCorruptedException(String report) {
        super(report);
    }
}
