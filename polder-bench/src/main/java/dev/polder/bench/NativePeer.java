package dev.polder.bench;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// The C library's `malloc`, or that of a shared library in its place, by critical downcalls: the
/// cheapest way that Java has into native code.
///
/// One library a JVM: the handles are constants, as they would be in a program that cares. The
/// property `polder.bench.library` names it; the C library serves without.
final class NativePeer extends Peer {
    private static final MethodHandle MALLOC = handle("malloc",
            FunctionDescriptor.of(ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG));
    private static final MethodHandle FREE =
            handle("free", FunctionDescriptor.ofVoid(ValueLayout.JAVA_LONG));

    /// Where Debian puts what it calls `libjemalloc2` and `libmimalloc2.0`.
    private static final Map<String, String> LIBRARIES =
            Map.of("jemalloc", "libjemalloc.so.2", "mimalloc", "libmimalloc.so.2");

    private final long size;
    private final long[] slots = new long[SLOTS];

    NativePeer(long size) {
        this.size = size;
    }

    @Override
    void alloc(int slot) {
        try {
            slots[slot] = (long) MALLOC.invokeExact(size);
        } catch (Throwable e) {
            throw new IllegalStateException("malloc", e);
        }
    }

    @Override
    void free(int slot) {
        try {
            FREE.invokeExact(slots[slot]);
        } catch (Throwable e) {
            throw new IllegalStateException("free", e);
        }
    }

    /// JVM options under which this class calls the peer's library; empty where the machine has no
    /// such library.
    ///
    /// @param folder where to look first, or empty for the system's places
    static Optional<List<String>> options(String peer, String folder) {
        String name = LIBRARIES.get(peer);
        if (name == null) {
            return Optional.of(List.of());
        }
        String library = folder.isEmpty() ? name : Path.of(folder, name).toString();
        return loads(library) ? Optional.of(List.of("-Dpolder.bench.library=" + library))
                : Optional.empty();
    }

    /// Loads it for good: an allocator has destructors for the threads that it has seen, and they
    /// run when those end.
    @SuppressWarnings("restricted")
    private static boolean loads(String library) {
        try {
            return SymbolLookup.libraryLookup(library, Arena.global()).find("malloc").isPresent();
        } catch (IllegalArgumentException notHere) {
            return false;
        }
    }

    @SuppressWarnings("restricted")
    private static MethodHandle handle(String function, FunctionDescriptor type) {
        String library = System.getProperty("polder.bench.library", "");
        SymbolLookup lookup = library.isEmpty() ? Linker.nativeLinker().defaultLookup()
                : SymbolLookup.libraryLookup(library, Arena.global());
        MemorySegment at = lookup.findOrThrow(function);
        return Linker.nativeLinker().downcallHandle(at, type, Linker.Option.critical(false));
    }
}
