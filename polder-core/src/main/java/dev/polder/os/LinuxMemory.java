package dev.polder.os;

import static dev.polder.os.LinuxCalls.FALLOC_FL_KEEP_SIZE;
import static dev.polder.os.LinuxCalls.FALLOC_FL_PUNCH_HOLE;
import static dev.polder.os.LinuxCalls.MADV_POPULATE_WRITE;
import static dev.polder.os.LinuxCalls.MADV_REMOVE;
import static dev.polder.os.LinuxCalls.MAP_FIXED;
import static dev.polder.os.LinuxCalls.MAP_NORESERVE;
import static dev.polder.os.LinuxCalls.MAP_SHARED;
import static dev.polder.os.LinuxCalls.MFD_CLOEXEC;
import static dev.polder.os.LinuxCalls.PROT_READ;
import static dev.polder.os.LinuxCalls.PROT_WRITE;

import dev.polder.base.Check;
import dev.polder.base.Frames;
import java.lang.foreign.MemorySegment;
import java.util.function.LongSupplier;

/// Pool memory on Linux: a memory file, mapped as a whole once and piecewise again and again.
@SuppressWarnings("restricted") // native access is what this class is for
final class LinuxMemory implements PoolMemory {
    /*
     * Notes. Two memory files. `frames` holds the pool. `nothing` has length zero: a touch of its
     * mapping is SIGBUS, which the JVM turns into InternalError, where a touch of PROT_NONE memory
     * would be SIGSEGV and the end of the process. The whole reservation is first one mapping of
     * `nothing`, file offset = offset in the reservation; the linear map is laid over it once, and
     * frames are laid over vmalloc space run by run. A part that is covered again by the same
     * offset rule merges with its covered neighbours, so the number of mappings depends on what is
     * mapped now and not on the history. Nothing is ever unmapped, but the whole of a pool that
     * could not be opened.
     *
     * The reservation is 4 MiB longer than needed, so that base() can be a multiple of 4 MiB; the
     * rest at both ends stays covered and serves as a guard.
     *
     * Closing: the segment's arena first (a shared arena waits for every access in flight), then
     * the file is cut to nothing, then all of the reservation is covered: one mapping stays. If the
     * arena is refused nothing is unmapped, since somebody may read there; the next close goes on.
     *
     * A range of frames or addresses has one owner at a time, and the kernel orders the calls: no
     * lock here. `gate` counts the threads inside a call that uses a descriptor, so that none of
     * them meets a number that the process has given to another file since.
     */

    /// Runs of the largest order are aligned to their size, so the base must be, too.
    private static final long ALIGNMENT = Frames.SIZE << Frames.MAX_ORDER;
    /// What a pool owns from the start: the head of the reservation, the linear map, the rest.
    private static final int OWN_MAPPINGS = 3;
    /// The covered reservation that stays after closing.
    private static final int MAPPINGS_LEFT = 1;
    /// A signal (a profiler's, say) interrupts and undoes a long fallocate; this often in a row it
    /// does not happen by chance.
    private static final int INTERRUPT_RETRIES = 100;
    /// The kernel takes at most this many ranges in one call (UIO_MAXIOV).
    private static final int MAX_RANGES = 1024;
    private static final int PROTECTION = PROT_READ | PROT_WRITE;

    private final LinuxCalls calls;
    private final MappingBudget budget;
    private final int framesFd;
    private final int nothingFd;
    /// First address of the reservation, at most [#ALIGNMENT] below [#base].
    private final long reserved;
    private final long reservedBytes;
    private final long base;
    private final long frames;
    private final long vmallocStart;
    private final long vmallocEnd;
    private final SharedArena arena = new SharedArena();
    private final MemorySegment segment;
    private final Gate gate = new Gate();
    /// Whether the files are closed; who closes the pool owns it.
    private boolean gone;

    private LinuxMemory(LinuxCalls calls, MappingBudget budget, int framesFd, int nothingFd,
            long reserved, long reservedBytes, long frames, long vmallocBytes) {
        this.calls = calls;
        this.budget = budget;
        this.framesFd = framesFd;
        this.nothingFd = nothingFd;
        this.reserved = reserved;
        this.reservedBytes = reservedBytes;
        this.frames = frames;
        base = alignUp(reserved);
        vmallocStart = base + Frames.bytes(frames) + Frames.SIZE;
        vmallocEnd = vmallocStart + vmallocBytes;
        segment = MemorySegment.ofAddress(base)
                .reinterpret(spanBytes(frames, vmallocBytes), arena.arena(), null);
    }

    /// True on 64-bit Linux with pages of 4 KiB.
    static boolean supported() {
        String arch = System.getProperty("os.arch");
        return System.getProperty("os.name").equals("Linux")
                && (arch.equals("amd64") || arch.equals("aarch64"))
                && Libc.pageSize() == Frames.SIZE;
    }

    static LinuxMemory open(long frames, long vmallocBytes, MappingBudget budget) {
        return open(new Libc(), frames, vmallocBytes, budget);
    }

    static LinuxMemory open(
            LinuxCalls calls, long frames, long vmallocBytes, MappingBudget budget) {
        Check.that(budget.tryReserve(OWN_MAPPINGS), "no mapping left for a pool");
        int framesFd = -1;
        int nothingFd = -1;
        long at = 0;
        long length = spanBytes(frames, vmallocBytes) + ALIGNMENT;
        try {
            framesFd = (int) need("memfd_create", calls.memfdCreate("polder", MFD_CLOEXEC));
            nothingFd = (int) need("memfd_create", calls.memfdCreate("polder-guard", MFD_CLOEXEC));
            need("ftruncate", calls.ftruncate(framesFd, Frames.bytes(frames)));
            at = need("mmap", calls.mmap(
                    0, length, PROTECTION, MAP_SHARED | MAP_NORESERVE, nothingFd, 0));
            need("mmap", calls.mmap(alignUp(at), Frames.bytes(frames), PROTECTION,
                    MAP_SHARED | MAP_FIXED | MAP_NORESERVE, framesFd, 0));
            return new LinuxMemory(
                    calls, budget, framesFd, nothingFd, at, length, frames, vmallocBytes);
        } catch (IllegalStateException e) {
            if (at != 0) {
                calls.munmap(at, length);
            }
            if (framesFd >= 0) {
                calls.close(framesFd);
            }
            if (nothingFd >= 0) {
                calls.close(nothingFd);
            }
            budget.release(OWN_MAPPINGS);
            throw e;
        }
    }

    private static long need(String call, long result) {
        if (result < 0) {
            throw new IllegalStateException(Errno.describe(call, result));
        }
        return result;
    }

    private static long alignUp(long address) {
        return address + ALIGNMENT - 1 & -ALIGNMENT;
    }

    /// Linear map, guard, vmalloc space, guard, slots each with a guard.
    private static long spanBytes(long frames, long vmallocBytes) {
        return Frames.bytes(frames) + Frames.SIZE + vmallocBytes + Frames.SIZE
                + 2 * Frames.bytes(SAMPLE_SLOTS);
    }

    @Override
    public String mode() {
        return "linux";
    }

    @Override
    public long base() {
        return base;
    }

    @Override
    public long frames() {
        return frames;
    }

    @Override
    public MemorySegment segment() {
        return segment;
    }

    @Override
    public boolean commit(long frame, long count) {
        checkFrames(frame, count);
        long offset = Frames.bytes(frame);
        long bytes = Frames.bytes(count);
        return inside(() -> {
            long r = retried(() -> calls.madvise(base + offset, bytes, MADV_POPULATE_WRITE));
            if (Errno.EINVAL.is(r)) {
                // Before Linux 5.14. A first touch then maps the pages, which cannot be refused.
                r = retried(() -> calls.fallocate(framesFd, FALLOC_FL_KEEP_SIZE, offset, bytes));
            }
            return r;
        }) >= 0;
    }

    /// The result of a call that uses a descriptor, or EBADF once the pool is closed.
    private long inside(LongSupplier call) {
        if (!gate.enter()) {
            return -Errno.EBADF.number();
        }
        try {
            return call.getAsLong();
        } finally {
            gate.leave();
        }
    }

    @Override
    public boolean giveBack(long frame, long count) {
        checkFrames(frame, count);
        return inside(() -> retried(() -> calls.fallocate(framesFd,
                FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                Frames.bytes(frame), Frames.bytes(count)))) >= 0;
    }

    @Override
    public boolean giveBackBlocks(long[] blocks, int n) {
        long[] addresses = new long[Math.min(n, MAX_RANGES)];
        for (int from = 0; from < n; from += MAX_RANGES) {
            int k = Math.min(MAX_RANGES, n - from);
            for (int i = 0; i < k; i++) {
                checkFrames(blocks[from + i], BLOCK_FRAMES);
                addresses[i] = base + Frames.bytes(blocks[from + i]);
            }
            long wanted = k * Frames.bytes(BLOCK_FRAMES);
            // Before Linux 6.13 a process may not advise itself: then, and where the call stopped
            // half-way, block by block. To give back twice does no harm.
            if (inside(() -> calls.processMadvise(
                    addresses, k, Frames.bytes(BLOCK_FRAMES), MADV_REMOVE)) == wanted) {
                continue;
            }
            for (int i = 0; i < k; i++) {
                if (!giveBack(blocks[from + i], BLOCK_FRAMES)) {
                    return false;
                }
            }
        }
        return true;
    }

    private static long retried(LongSupplier call) {
        long r = call.getAsLong();
        for (int i = 0; i < INTERRUPT_RETRIES && (Errno.EINTR.is(r) || Errno.EAGAIN.is(r)); i++) {
            r = call.getAsLong();
        }
        return r;
    }

    @Override
    public long residentBytes() {
        return Math.max(0, inside(() -> calls.allocatedBytes(framesFd)));
    }

    @Override
    public boolean canRemap() {
        return true;
    }

    @Override
    public long vmallocStart() {
        return vmallocStart;
    }

    @Override
    public long vmallocEnd() {
        return vmallocEnd;
    }

    @Override
    public long sampleStart() {
        return vmallocEnd + Frames.SIZE;
    }

    @Override
    public boolean map(long address, long frame, long count) {
        checkSpace(address, Frames.bytes(count));
        checkFrames(frame, count);
        return inside(() -> calls.mmap(address, Frames.bytes(count), PROTECTION,
                MAP_SHARED | MAP_FIXED | MAP_NORESERVE, framesFd, Frames.bytes(frame))) == address;
    }

    @Override
    public boolean cover(long address, long bytes) {
        checkSpace(address, bytes);
        long r = inside(() -> coverCall(address, bytes));
        // After closing everything is covered.
        return r == address || Errno.EBADF.is(r);
    }

    private long coverCall(long address, long bytes) {
        return calls.mmap(address, bytes, PROTECTION,
                MAP_SHARED | MAP_FIXED | MAP_NORESERVE, nothingFd, address - reserved);
    }

    private void checkFrames(long frame, long count) {
        if (frame < 0 || count < 1 || frame > frames - count) {
            throw new IllegalArgumentException(
                    "frames " + frame + " + " + count + " are not in a pool of " + frames);
        }
    }

    private void checkSpace(long address, long bytes) {
        boolean sample = address >= sampleStart();
        long start = sample ? sampleStart() : vmallocStart;
        long end = sample ? sampleStart() + 2 * Frames.bytes(SAMPLE_SLOTS) : vmallocEnd;
        if (address < start || bytes < 1 || address > end - bytes
                || !Frames.aligned(address) || !Frames.aligned(bytes)) {
            throw Check.badAddress(address, "+ " + bytes + " bytes is no frame range of "
                    + "vmalloc space " + Check.hex(vmallocStart) + "…" + Check.hex(vmallocEnd));
        }
    }

    @Override
    public long zeroSentinel() {
        return vmallocEnd + 16;
    }

    @Override
    public void zero(long address, long bytes) {
        Zeroing.zero(segment, address - base, bytes, true);
    }

    @Override
    public void close() {
        if (quiesce()) {
            calls.ftruncate(framesFd, 0);
            if (coverCall(reserved, reservedBytes) == reserved) {
                budget.release(OWN_MAPPINGS - MAPPINGS_LEFT);
            }
            calls.close(framesFd);
            calls.close(nothingFd);
        }
    }

    @Override
    public void abandon() {
        if (quiesce()) {
            if (calls.munmap(reserved, reservedBytes) == 0) {
                budget.release(OWN_MAPPINGS);
            }
            calls.close(framesFd);
            calls.close(nothingFd);
        }
    }

    /// Nobody is inside afterwards; false if that was so before.
    private boolean quiesce() {
        gate.close();
        arena.close();
        boolean first = !gone;
        gone = true;
        return first;
    }

    @Override
    public String toString() {
        return "linux memory of " + frames + " frames at " + Check.hex(base);
    }
}
