package dev.polder.os;

import dev.polder.base.Frames;
import dev.polder.base.Switch;
import java.lang.foreign.MemorySegment;

/// The memory of one pool: its frames, mapped once in a row (the *linear map*), and a range of
/// addresses into which frames can be mapped again (*vmalloc space*).
///
/// Frame `f` is at `base() + f * 4096`. Frames start uncommitted: [#commit] makes them resident
/// ahead of use, so that a refusal by the operating system is a `false` here and not a signal at
/// some later store.
///
/// ```
/// base()         + frames        vmallocStart()       vmallocEnd()              sampleStart()
///  | linear map   | guard frame   | vmalloc space      | guard with zeroSentinel() | slots
///  |______________|_______________|____________________|___________________________|______
/// ```
/// A slot is a frame of address space and a guard behind it, for one sampled object.
///
/// In Linux mode a touch of a guard, or of vmalloc space where nothing is mapped, is an
/// [InternalError] that names the Java line: for loads, stores and copies, compiled or interpreted.
/// An interpreted compare-and-set, and native code, end the JVM there. In portable mode a touch is
/// not detected.
///
/// Threads: all methods from any thread; the caller sees to it that a range of frames or addresses
/// has one owner. No lock is held while the operating system works.
public interface PoolMemory extends AutoCloseable {
    /// Frames in the unit in which memory is committed and given back well: 2 MiB.
    long BLOCK_FRAMES = 512;

    /// The system property that, set to `true`, forces portable mode for every pool of the process:
    /// to see on Linux what a program meets elsewhere.
    String PORTABLE_PROPERTY = "dev.polder.portable";

    /// Reserves the addresses of a pool; makes nothing resident.
    ///
    /// @param frames the size of the linear map, at least 1
    /// @param vmallocBytes the size of vmalloc space, a multiple of the frame size; ignored in
    ///     portable mode
    /// @param portable true forces portable mode, and so does [#PORTABLE_PROPERTY]; false uses it
    ///     only where there is no Linux
    /// @param budget pays for the pool's own mappings
    /// @throws IllegalArgumentException if a size is out of range, or the property neither `true`
    ///     nor `false`
    /// @throws IllegalStateException if the operating system or the budget refuses; the message
    ///     names the call and its error
    static PoolMemory open(long frames, long vmallocBytes, boolean portable, MappingBudget budget) {
        if (frames < 1 || frames > MAX_FRAMES) {
            throw new IllegalArgumentException(
                    "frames out of range 1…" + MAX_FRAMES + ": " + frames);
        }
        if (vmallocBytes < 0 || vmallocBytes > MAX_VMALLOC_BYTES || !Frames.aligned(vmallocBytes)) {
            throw new IllegalArgumentException("vmalloc space must be a multiple of "
                    + Frames.SIZE + " in 0…" + MAX_VMALLOC_BYTES + ": " + vmallocBytes);
        }
        requireNativeAccess();
        return portable || Switch.of(PORTABLE_PROPERTY) || !LinuxMemory.supported()
                ? PortableMemory.open(frames)
                : LinuxMemory.open(frames, vmallocBytes, budget);
    }

    @SuppressWarnings("restricted") // the probe
    private static void requireNativeAccess() {
        try {
            var _ = MemorySegment.ofAddress(0).reinterpret(0);
        } catch (IllegalCallerException e) {
            throw new IllegalStateException("Polder needs native access; start java with --enable-"
                    + "native-access=dev.polder.core, or =ALL-UNNAMED on the class path", e);
        }
    }

    /// The largest pool: 8 TiB, so that a frame number fits an int, less two blocks of the largest
    /// order, so that the number behind its last block does, too.
    long MAX_FRAMES = (1L << (Integer.SIZE - 1)) - (2L << Frames.MAX_ORDER);
    /// The largest vmalloc space: 32 TiB, a quarter of the addresses that x86-64 gives a process.
    long MAX_VMALLOC_BYTES = 1L << 45;

    /// `linux` or `portable`.
    String mode();

    /// Address of frame 0: a multiple of 4 MiB, so that runs are aligned to their size.
    long base();

    /// Frames in the linear map.
    long frames();

    /// The whole reservation as one segment, which starts at [#base]; an address `a` is at offset
    /// `a - base()`. After [#close] every access through it throws [IllegalStateException].
    MemorySegment segment();

    /// Makes frames resident. What is resident already stays as it is.
    ///
    /// @return false if the operating system refuses; a part may be resident then
    boolean commit(long frame, long count);

    /// Gives frames back to the operating system; their content is lost. Cheap only for whole
    /// aligned blocks of 2 MiB: a smaller piece splits a huge page.
    ///
    /// @return false if the operating system refuses; a part may be given back then
    boolean giveBack(long frame, long count);

    /// Gives back `n` whole blocks of [#BLOCK_FRAMES] frames that start at the frames
    /// `blocks[0] … blocks[n - 1]`, in as few calls as the operating system allows.
    ///
    /// @return false if the operating system refuses; a part may be given back then
    boolean giveBackBlocks(long[] blocks, int n);

    /// Bytes that the operating system holds for this pool's frames now.
    long residentBytes();

    /// True if [#map] and [#cover] work.
    boolean canRemap();

    /// First address of vmalloc space.
    long vmallocStart();

    /// First address after vmalloc space.
    long vmallocEnd();

    /// Slots for sampled objects behind vmalloc space, as many as KFENCE has. Addresses are free.
    int SAMPLE_SLOTS = 255;

    /// Address of the first slot; each next one is 8192 bytes further. A slot starts with the
    /// frame that may be mapped. Meaningless where nothing can be remapped.
    long sampleStart();

    /// Maps `count` frames from `frame` at `address` too. Replaces what was mapped there.
    ///
    /// @param address in vmalloc space or a slot, a multiple of the frame size
    /// @return false if the operating system refuses; nothing changed then
    boolean map(long address, long frame, long count);

    /// Takes away what is mapped in a part of vmalloc space, or in a slot; neighbouring covered
    /// parts become one mapping again.
    ///
    /// @return false if the operating system refuses; nothing changed then
    boolean cover(long address, long bytes);

    /// An address that is never that of an object: in a guard, with no alignment promise beyond
    /// 16 bytes. `kmalloc(0)` returns it.
    long zeroSentinel();

    /// Writes zeroes. The range lies in committed frames of the linear map or in mapped vmalloc
    /// space.
    void zero(long address, long bytes);

    /// Ends memory of which nobody has seen an address: nothing of it stays mapped. Instead of
    /// [#close], for a pool that could not be opened.
    void abandon();

    /// Ends the pool: accesses through [#segment] throw, the frames go back to the operating
    /// system, and in Linux mode the addresses stay reserved, so that a stale raw address gives
    /// [InternalError] and never reaches a stranger's memory. A second call does nothing. One
    /// thread at a time.
    ///
    /// @throws IllegalStateException if a thread stays inside an access, such as a blocking read of
    ///     a channel into the segment. Nothing is unmapped then, and frames are neither committed
    ///     nor mapped any more; a later call goes on
    @Override
    void close();
}
