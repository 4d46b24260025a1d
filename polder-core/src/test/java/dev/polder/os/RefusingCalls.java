package dev.polder.os;

import java.util.HashMap;
import java.util.Map;

/// The C library, of which a test can make named calls fail.
public final class RefusingCalls implements LinuxCalls {
    private final LinuxCalls real = new Libc();
    private final Map<String, Integer> refusals = new HashMap<>();
    private final Map<String, Integer> limited = new HashMap<>();
    private final Map<String, Integer> made = new HashMap<>();
    private final Map<String, Runnable> actions = new HashMap<>();

    /// Pool memory that makes its calls through this.
    public PoolMemory open(long frames, long vmallocBytes, MappingBudget budget) {
        return LinuxMemory.open(this, frames, vmallocBytes, budget);
    }

    /// Fails every call of that name from now on, for want of memory.
    public synchronized void refuse(String call) {
        refuse(call, Errno.ENOMEM);
    }

    /// Fails the next `times` calls of that name, for want of memory.
    public synchronized void refuse(String call, int times) {
        refuse(call, Errno.ENOMEM, times);
    }

    synchronized void refuse(String call, Errno error) {
        refusals.put(call, error.number());
    }

    synchronized void refuse(String call, Errno error, int times) {
        refuse(call, error);
        limited.put(call, times);
    }

    /// Lets the calls of that name through again.
    public synchronized void allow(String call) {
        refusals.remove(call);
    }

    /// How often that call was made.
    public synchronized int made(String call) {
        return made.getOrDefault(call, 0);
    }

    /// Runs `action` before every call of that name.
    public synchronized void before(String call, Runnable action) {
        actions.put(call, action);
    }

    private synchronized int verdict(String call) {
        made.merge(call, 1, Integer::sum);
        actions.getOrDefault(call, () -> { }).run();
        Integer error = refusals.get(call);
        if (error == null) {
            return 0;
        }
        Integer left = limited.computeIfPresent(call, (_, n) -> n - 1);
        if (left != null && left < 0) {
            allow(call);
            limited.remove(call);
            return 0;
        }
        return -error;
    }

    @Override
    public int memfdCreate(String name, int flags) {
        int v = verdict("memfd_create");
        return v < 0 ? v : real.memfdCreate(name, flags);
    }

    @Override
    public int ftruncate(int fd, long size) {
        int v = verdict("ftruncate");
        return v < 0 ? v : real.ftruncate(fd, size);
    }

    @Override
    public long mmap(long address, long length, int protection, int flags, int fd, long offset) {
        int v = verdict("mmap");
        return v < 0 ? v : real.mmap(address, length, protection, flags, fd, offset);
    }

    @Override
    public int munmap(long address, long length) {
        int v = verdict("munmap");
        return v < 0 ? v : real.munmap(address, length);
    }

    @Override
    public int madvise(long address, long length, int advice) {
        int v = verdict("madvise");
        return v < 0 ? v : real.madvise(address, length, advice);
    }

    @Override
    public long processMadvise(long[] addresses, int n, long length, int advice) {
        int v = verdict("process_madvise");
        return v < 0 ? v : real.processMadvise(addresses, n, length, advice);
    }

    @Override
    public int fallocate(int fd, int mode, long offset, long length) {
        int v = verdict("fallocate");
        return v < 0 ? v : real.fallocate(fd, mode, offset, length);
    }

    @Override
    public long allocatedBytes(int fd) {
        return real.allocatedBytes(fd);
    }

    @Override
    public int close(int fd) {
        verdict("close");
        return real.close(fd);
    }
}
