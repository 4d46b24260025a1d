package dev.polder.os;

import dev.polder.base.Frames;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/// The twin of [Libc]: the part of Linux that a pool uses, simulated, with limits that a test can
/// choose without harm to the JVM that it runs in.
///
/// Simulated are files with the pages they occupy, and the mappings of the process: laying one over
/// others, splitting, merging of neighbours, the limit on their number with the two places where
/// the kernel looks at it. The addresses are real memory, so that a pool on top can use its linear
/// map; a frame mapped a second time is *not* the same memory twice.
///
/// Threads: any; one lock.
public final class SimulatedKernel implements LinuxCalls {
    private static final int FIRST_FD = 1_000;

    /// One mapping: where it ends, and which page of which file its first page is.
    private record Area(long to, int fd, long offset) {}

    private final Arena addresses = Arena.ofAuto();
    private final NavigableMap<Long, Area> areas = new TreeMap<>();
    private final Map<Integer, BitSet> files = new HashMap<>();
    private final Map<Integer, Long> sizes = new HashMap<>();
    private final int maxMapCount;
    private final long machinePages;
    private int nextFd = FIRST_FD;
    private int mmaps;

    /// @param maxMapCount `vm.max_map_count`
    /// @param machinePages how many pages all files together may occupy
    public SimulatedKernel(int maxMapCount, long machinePages) {
        this.maxMapCount = maxMapCount;
        this.machinePages = machinePages;
    }

    /// Pool memory on this kernel.
    public PoolMemory open(long frames, long vmallocBytes, MappingBudget budget) {
        return LinuxMemory.open(this, frames, vmallocBytes, budget);
    }

    /// The mappings that lie in a range, in ascending order, as `/proc/self/maps` would list them.
    public synchronized List<Mapping> within(long from, long to) {
        List<Mapping> found = new ArrayList<>();
        areas.forEach((start, area) -> {
            if (start < to && area.to > from) {
                found.add(new Mapping(start, area.to, area.offset, "file " + area.fd));
            }
        });
        return found;
    }

    /// Calls of mmap up to now.
    public synchronized int mmaps() {
        return mmaps;
    }

    @Override
    public synchronized int memfdCreate(String name, int flags) {
        files.put(nextFd, new BitSet());
        sizes.put(nextFd, 0L);
        return nextFd++;
    }

    @Override
    public synchronized int ftruncate(int fd, long size) {
        BitSet pages = files.get(fd);
        if (pages == null) {
            return -Errno.EBADF.number();
        }
        int end = (int) (size / Frames.SIZE);
        pages.clear(end, Math.max(pages.length(), end));
        sizes.put(fd, size);
        return 0;
    }

    @Override
    public synchronized long mmap(
            long address, long length, int protection, int flags, int fd, long offset) {
        mmaps++;
        if (!files.containsKey(fd)) {
            return -Errno.EBADF.number();
        }
        if (areas.size() > maxMapCount) {
            return -Errno.ENOMEM.number();
        }
        long start = address;
        if ((flags & MAP_FIXED) == 0) {
            start = addresses.allocate(length, Frames.SIZE).address();
        } else if (!clear(start, start + length)) {
            return -Errno.ENOMEM.number();
        }
        areas.put(start, new Area(start + length, fd, offset));
        merge(start);
        merge(start + length);
        return start;
    }

    /// Takes away what is mapped in a range, which lies inside mappings.
    ///
    /// @return false if that splits a mapping in three and one more is too many
    private boolean clear(long from, long to) {
        Map.Entry<Long, Area> first = areas.floorEntry(from);
        if (first != null && first.getKey() < from && first.getValue().to > to
                && areas.size() >= maxMapCount) {
            return false;
        }
        split(from);
        split(to);
        areas.subMap(from, to).clear();
        return true;
    }

    private void split(long at) {
        Map.Entry<Long, Area> e = areas.lowerEntry(at);
        if (e != null && e.getValue().to > at) {
            Area area = e.getValue();
            areas.put(e.getKey(), new Area(at, area.fd, area.offset));
            areas.put(at, new Area(area.to, area.fd, area.offset + (at - e.getKey())));
        }
    }

    /// Joins the mapping that starts there with the one before it, if the file goes on, too.
    private void merge(long at) {
        Area right = areas.get(at);
        Map.Entry<Long, Area> left = areas.lowerEntry(at);
        if (right != null && left != null && left.getValue().to == at
                && left.getValue().fd == right.fd
                && left.getValue().offset + (at - left.getKey()) == right.offset) {
            areas.remove(at);
            areas.put(left.getKey(), new Area(right.to, right.fd, left.getValue().offset));
        }
    }

    @Override
    public synchronized int munmap(long address, long length) {
        return clear(address, address + length) ? 0 : -Errno.ENOMEM.number();
    }

    @Override
    public synchronized int madvise(long address, long length, int advice) {
        Map.Entry<Long, Area> e = areas.floorEntry(address);
        if (advice != MADV_POPULATE_WRITE || e == null || e.getValue().to < address + length) {
            return -Errno.EINVAL.number();
        }
        long offset = e.getValue().offset + (address - e.getKey());
        if (offset + length > sizes.getOrDefault(e.getValue().fd, 0L)) {
            return -Errno.EFAULT.number();
        }
        return occupy(e.getValue().fd, offset, length);
    }

    private int occupy(int fd, long offset, long length) {
        BitSet pages = files.get(fd);
        if (pages == null) {
            return -Errno.EBADF.number();
        }
        for (long page = offset / Frames.SIZE; page < (offset + length) / Frames.SIZE; page++) {
            if (!pages.get((int) page)) {
                if (occupied() >= machinePages) {
                    return -Errno.ENOMEM.number();
                }
                pages.set((int) page);
            }
        }
        return 0;
    }

    private long occupied() {
        return files.values().stream().mapToLong(BitSet::cardinality).sum();
    }

    /// As a Linux before 6.13.
    @Override
    public long processMadvise(long[] starts, int n, long length, int advice) {
        return -Errno.EINVAL.number();
    }

    @Override
    public synchronized int fallocate(int fd, int mode, long offset, long length) {
        if ((mode & FALLOC_FL_PUNCH_HOLE) == 0) {
            return occupy(fd, offset, length);
        }
        BitSet pages = files.get(fd);
        if (pages == null) {
            return -Errno.EBADF.number();
        }
        pages.clear((int) (offset / Frames.SIZE), (int) ((offset + length) / Frames.SIZE));
        return 0;
    }

    @Override
    public synchronized long allocatedBytes(int fd) {
        BitSet pages = files.get(fd);
        return pages == null ? -Errno.EBADF.number() : Frames.bytes(pages.cardinality());
    }

    /// The number is free; the file lives on as long as it is mapped, which no test looks at.
    @Override
    public synchronized int close(int fd) {
        return files.remove(fd) == null ? -Errno.EBADF.number() : 0;
    }
}
