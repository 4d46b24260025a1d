package dev.polder.os;

/// The system calls that [LinuxMemory] makes, so that tests can refuse them.
///
/// Results follow the kernel and not the C library: a negative result is the negated error number.
interface LinuxCalls {
    int PROT_READ = 1;
    int PROT_WRITE = 2;
    int MAP_SHARED = 0x01;
    int MAP_FIXED = 0x10;
    int MAP_NORESERVE = 0x4000;
    int MFD_CLOEXEC = 1;
    int MADV_REMOVE = 9;
    int MADV_POPULATE_WRITE = 23;
    int FALLOC_FL_KEEP_SIZE = 1;
    int FALLOC_FL_PUNCH_HOLE = 2;

    int memfdCreate(String name, int flags);

    int ftruncate(int fd, long size);

    /// The address, or the negated error number.
    long mmap(long address, long length, int protection, int flags, int fd, long offset);

    int munmap(long address, long length);

    int madvise(long address, long length, int advice);

    /// One advice for `n` ranges of this process, `length` bytes each. Returns the bytes advised.
    long processMadvise(long[] addresses, int n, long length, int advice);

    int fallocate(int fd, int mode, long offset, long length);

    /// Bytes that the file occupies (`st_blocks * 512`).
    long allocatedBytes(int fd);

    int close(int fd);
}
