package dev.polder;

import dev.polder.gfp.Gfp;
import java.io.Serial;

/// There was no memory for a request. The message says what was asked, under which mask and scope,
/// how the pool stands, who holds the memory and which shrinkers could not be used, and for whose
/// scope.
///
/// The figures are copied when it happens; the text is built when it is read. A request whose mask
/// may not block gets no stack trace: on an event loop a shortage is an answer, not an accident.
public final class AllocationFailedException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1L;

    private final transient Shortage shortage;

    AllocationFailedException(Shortage shortage) {
        super(null, null, false, Gfp.allowsBlocking(shortage.gfp()));
        this.shortage = shortage;
    }

    /// Bytes that were asked for.
    public long size() {
        return shortage.size();
    }

    /// The mask that was passed.
    public int gfp() {
        return shortage.gfp();
    }

    /// About thirty lines that a person can act on.
    @Override
    public String getMessage() {
        return ShortageText.of(shortage);
    }

    @Serial
    private void writeObject(java.io.ObjectOutputStream out) throws java.io.IOException {
        throw new java.io.NotSerializableException("AllocationFailedException: its figures belong "
                + "to"
                + " a pool of this process; send getMessage() instead");
    }
}
