package dev.polder.os;

/// Error numbers of Linux in words, with what a person can do.
enum Errno {
    EPERM(1, "the container or a security filter forbids the call"),
    EINTR(4, "try again"),
    EBADF(9, "the pool is closed"),
    EAGAIN(11, "try again"),
    ENOMEM(12, "the machine or container is out of memory, or the process has vm.max_map_count "
            + "mappings; lower the budget or raise the limit"),
    EACCES(13, "the container or a security filter forbids the call"),
    EFAULT(14, "the memory cannot be reached"),
    EINVAL(22, "this kernel does not know the request"),
    ENFILE(23, "the machine has no file descriptors left; raise fs.file-max"),
    EMFILE(24, "the process has no file descriptors left; raise ulimit -n"),
    EFBIG(27, "lower the budget or raise ulimit -f"),
    ENOSPC(28, "the machine has no memory left for shared files; lower the budget"),
    ENOSYS(38, "this kernel is too old; Polder needs Linux 4.14 or newer"),
    EOPNOTSUPP(95, "this kernel does not know the request");

    private final int number;
    private final String advice;

    Errno(int number, String advice) {
        this.number = number;
        this.advice = advice;
    }

    int number() {
        return number;
    }

    /// True if a call's result is this error.
    boolean is(long result) {
        return result == -number;
    }

    /// `memfd_create failed: EMFILE; the process has …`.
    static String describe(String call, long result) {
        for (Errno e : values()) {
            if (e.is(result)) {
                return call + " failed: " + e.name() + "; " + e.advice;
            }
        }
        return call + " failed: error number " + -result;
    }
}
