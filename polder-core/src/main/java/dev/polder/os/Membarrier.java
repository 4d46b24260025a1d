package dev.polder.os;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.invoke.MethodHandle;

/// A memory barrier on every running thread of this process at once: Linux's
/// `membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED)`.
///
/// It lets the frequent side of an asymmetric protocol do without a barrier of its own: after
/// [#everywhere] has returned, each other thread has either made all its stores so far visible, or
/// will see all stores that the caller made before the call.
public final class Membarrier {
    private static final long CMD_PRIVATE_EXPEDITED = 1 << 3;
    private static final long CMD_REGISTER_PRIVATE_EXPEDITED = 1 << 4;
    private static final long SYS_MEMBARRIER =
            System.getProperty("os.arch").equals("amd64") ? 324 : 283;

    private Membarrier() {}

    /// True if this system can do it. Asks the system once; needs native access.
    public static boolean available() {
        return Holder.AVAILABLE;
    }

    /// Runs the barrier, an ordinary downcall of some microseconds; false, and nothing done, where
    /// it is not [#available].
    public static boolean everywhere() {
        return Holder.AVAILABLE && Holder.call(CMD_PRIVATE_EXPEDITED) == 0;
    }

    @SuppressWarnings("restricted") // native access is what this class is for
    private static final class Holder {
        private static final MethodHandle SYSCALL = Linker.nativeLinker().downcallHandle(
                Linker.nativeLinker().defaultLookup().findOrThrow("syscall"),
                FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT),
                Linker.Option.firstVariadicArg(1));

        static final boolean AVAILABLE =
                LinuxMemory.supported() && call(CMD_REGISTER_PRIVATE_EXPEDITED) == 0;

        static long call(long command) {
            try {
                return (long) SYSCALL.invokeExact(SYS_MEMBARRIER, command, 0, 0);
            } catch (Throwable t) {
                throw new AssertionError("a downcall threw", t);
            }
        }
    }
}
