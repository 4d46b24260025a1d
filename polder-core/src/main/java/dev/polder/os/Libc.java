package dev.polder.os;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;

/// The C library of 64-bit Linux.
///
/// System calls are ordinary downcalls: a critical one would hold up every safepoint of the JVM for
/// as long as the kernel works. Only the pure and short `memset` is critical.
@SuppressWarnings("restricted") // native access is what this class is for
final class Libc implements LinuxCalls {
    private static final Linker LINKER = Linker.nativeLinker();
    private static final StructLayout CAPTURE = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO = CAPTURE.varHandle(PathElement.groupElement("errno"));

    private static final MethodHandle MEMFD_CREATE =
            call("memfd_create", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT));
    private static final MethodHandle FTRUNCATE =
            call("ftruncate", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG));
    private static final MethodHandle MMAP = call("mmap", FunctionDescriptor.of(
            JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG));
    private static final MethodHandle MUNMAP =
            call("munmap", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG));
    private static final MethodHandle MADVISE =
            call("madvise", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT));
    private static final MethodHandle FALLOCATE = call("fallocate",
            FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG));
    private static final MethodHandle CLOSE =
            call("close", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
    /// `syscall(number, int, pointer)` and its longer form, for what older C libraries do not wrap.
    private static final MethodHandle SYSCALL2 = call("syscall",
            FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG),
            Linker.Option.firstVariadicArg(1));
    private static final MethodHandle SYSCALL5 = call("syscall",
            FunctionDescriptor.of(JAVA_LONG,
                    JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG),
            Linker.Option.firstVariadicArg(1));
    private static final MethodHandle MEMSET = LINKER.downcallHandle(
            LINKER.defaultLookup().findOrThrow("memset"),
            FunctionDescriptor.of(ADDRESS, ADDRESS, JAVA_INT, JAVA_LONG),
            Linker.Option.critical(false));

    private static final boolean X86 = System.getProperty("os.arch").equals("amd64");
    private static final long SYS_FSTAT = X86 ? 5 : 80;
    // These two came after the kernel gave all machines the same numbers.
    private static final long SYS_PIDFD_OPEN = 434;
    private static final long SYS_PROCESS_MADVISE = 440;

    /// `struct stat` of both machines is not longer, and has `st_blocks` at the same place.
    private static final long STAT_BYTES = 144;
    private static final long STAT_BLOCKS_OFFSET = 64;
    private static final long STAT_BLOCK_BYTES = 512;
    /// `struct iovec`: an address and a length.
    private static final long IOVEC_BYTES = 16;

    private static MethodHandle call(String name, FunctionDescriptor f, Linker.Option... more) {
        Linker.Option[] options = new Linker.Option[more.length + 1];
        System.arraycopy(more, 0, options, 1, more.length);
        options[0] = Linker.Option.captureCallState("errno");
        return LINKER.downcallHandle(LINKER.defaultLookup().findOrThrow(name), f, options);
    }

    /// Bytes in a page of the running kernel.
    static int pageSize() {
        MethodHandle getpagesize = LINKER.downcallHandle(
                LINKER.defaultLookup().findOrThrow("getpagesize"), FunctionDescriptor.of(JAVA_INT));
        try {
            return (int) getpagesize.invokeExact();
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    /// Fills a segment with zeroes. The segment cannot be closed meanwhile, which is why this takes
    /// a segment and not an address: native code that loses its memory would end the JVM.
    static void zero(MemorySegment s) {
        try {
            var _ = (MemorySegment) MEMSET.invokeExact(s, 0, s.byteSize());
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    @Override
    public int memfdCreate(String name, int flags) {
        try (Arena a = Arena.ofConfined()) {
            MemorySegment state = a.allocate(CAPTURE);
            int r = (int) MEMFD_CREATE.invokeExact(state, a.allocateFrom(name), flags);
            return result(r, state);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    @Override
    public int ftruncate(int fd, long size) {
        try (Arena a = Arena.ofConfined()) {
            MemorySegment state = a.allocate(CAPTURE);
            return result((int) FTRUNCATE.invokeExact(state, fd, size), state);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    @Override
    public long mmap(long address, long length, int protection, int flags, int fd, long offset) {
        try (Arena a = Arena.ofConfined()) {
            MemorySegment state = a.allocate(CAPTURE);
            long r = (long) MMAP.invokeExact(
                    state, address, length, protection, flags, fd, offset);
            return result(r, state);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    @Override
    public int munmap(long address, long length) {
        try (Arena a = Arena.ofConfined()) {
            MemorySegment state = a.allocate(CAPTURE);
            return result((int) MUNMAP.invokeExact(state, address, length), state);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    @Override
    public int madvise(long address, long length, int advice) {
        try (Arena a = Arena.ofConfined()) {
            MemorySegment state = a.allocate(CAPTURE);
            return result((int) MADVISE.invokeExact(state, address, length, advice), state);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    @Override
    public long processMadvise(long[] addresses, int n, long length, int advice) {
        try (Arena a = Arena.ofConfined()) {
            MemorySegment state = a.allocate(CAPTURE);
            long self = (long) SYSCALL2.invokeExact(
                    state, SYS_PIDFD_OPEN, ProcessHandle.current().pid(), 0L);
            self = result(self, state);
            if (self < 0) {
                return self;
            }
            MemorySegment vector = a.allocate(IOVEC_BYTES * n, Long.BYTES);
            for (int i = 0; i < n; i++) {
                vector.set(JAVA_LONG, i * IOVEC_BYTES, addresses[i]);
                vector.set(JAVA_LONG, i * IOVEC_BYTES + Long.BYTES, length);
            }
            long r = (long) SYSCALL5.invokeExact(state, SYS_PROCESS_MADVISE,
                    self, vector.address(), (long) n, (long) advice, 0L);
            r = result(r, state);
            close((int) self);
            return r;
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    @Override
    public int fallocate(int fd, int mode, long offset, long length) {
        try (Arena a = Arena.ofConfined()) {
            MemorySegment state = a.allocate(CAPTURE);
            return result((int) FALLOCATE.invokeExact(state, fd, mode, offset, length), state);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    @Override
    public long allocatedBytes(int fd) {
        try (Arena a = Arena.ofConfined()) {
            MemorySegment state = a.allocate(CAPTURE);
            MemorySegment stat = a.allocate(STAT_BYTES, Long.BYTES);
            long r = (long) SYSCALL2.invokeExact(state, SYS_FSTAT, (long) fd, stat.address());
            r = result(r, state);
            return r < 0 ? r : stat.get(JAVA_LONG, STAT_BLOCKS_OFFSET) * STAT_BLOCK_BYTES;
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    @Override
    public int close(int fd) {
        try (Arena a = Arena.ofConfined()) {
            MemorySegment state = a.allocate(CAPTURE);
            return result((int) CLOSE.invokeExact(state, fd), state);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static int result(int r, MemorySegment state) {
        return r == -1 ? -(int) ERRNO.get(state, 0L) : r;
    }

    private static long result(long r, MemorySegment state) {
        return r == -1 ? -(int) ERRNO.get(state, 0L) : r;
    }

    private static RuntimeException unexpected(Throwable t) {
        if (t instanceof Error e) {
            throw e;
        }
        if (t instanceof RuntimeException e) {
            return e;
        }
        return new IllegalStateException("a downcall threw", t);
    }
}
