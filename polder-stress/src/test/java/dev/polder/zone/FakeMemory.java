package dev.polder.zone;

import dev.polder.os.PoolMemory;
import java.lang.foreign.MemorySegment;

/// Frames without memory behind them: enough for a zone, which never touches any.
record FakeMemory(long frames) implements PoolMemory {
    @Override
    public String mode() {
        return "fake";
    }

    @Override
    public long base() {
        return 0;
    }

    @Override
    public MemorySegment segment() {
        return MemorySegment.NULL;
    }

    @Override
    public boolean commit(long frame, long count) {
        return true;
    }

    @Override
    public boolean giveBack(long frame, long count) {
        return true;
    }

    @Override
    public boolean giveBackBlocks(long[] blocks, int n) {
        return true;
    }

    @Override
    public long residentBytes() {
        return 0;
    }

    @Override
    public boolean canRemap() {
        return false;
    }

    @Override
    public long vmallocStart() {
        return 0;
    }

    @Override
    public long vmallocEnd() {
        return 0;
    }

    @Override
    public boolean map(long address, long frame, long count) {
        return false;
    }

    @Override
    public boolean cover(long address, long bytes) {
        return false;
    }

    @Override
    public long zeroSentinel() {
        return 0;
    }

    @Override
    public void zero(long address, long bytes) {
        throw new UnsupportedOperationException("there is no memory");
    }

    @Override
    public void close() {}
}
