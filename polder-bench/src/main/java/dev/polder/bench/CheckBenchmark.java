package dev.polder.bench;

import dev.polder.gfp.Gfp;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/// What each check on the way of a pair costs by itself: the same arithmetic on arrays of the same
/// shape, one check a method, beside the bare read of an address.
///
/// The sum is an upper bound: in a pair the checks share loads, and the processor does them side by
/// side.
@State(Scope.Thread)
public class CheckBenchmark {
    private static final VarHandle BUSY = handle("busy");
    private static final VarHandle DOOR = handle("door");
    private static final int FRAMES = 1 << 15;
    private static final int FRAME_SHIFT = 12;
    private static final int OBJECTS = 64;
    private static final int OBJECT_SHIFT = 6;
    private static final int ADDRESSES = 256;

    private final long base = 1L << 40;
    private final long[] addresses = new long[ADDRESSES];
    private final @Nullable Slot[] slots = new Slot[FRAMES];
    private int turn;
    private int mask = Gfp.KERNEL;
    @SuppressWarnings("unused") // through BUSY only
    private int busy;
    @SuppressWarnings("unused") // through DOOR only
    private int door;

    /// What stands for a slab.
    private static final class Slot {
        final long first;
        final long inverse = 1;
        final short[] states = new short[OBJECTS];

        Slot(long first) {
            this.first = first;
            Arrays.fill(states, (short) 1);
        }
    }

    /// Addresses of objects in frames spread over the table.
    public CheckBenchmark() {
        for (int i = 0; i < ADDRESSES; i++) {
            int frame = i * (FRAMES / ADDRESSES);
            long start = base + ((long) frame << FRAME_SHIFT);
            slots[frame] = new Slot(start);
            addresses[i] = start + ((long) (i % OBJECTS) << OBJECT_SHIFT);
        }
    }

    private long next() {
        return addresses[turn++ & (ADDRESSES - 1)];
    }

    /// None.
    @Benchmark
    public long none() {
        return next();
    }

    /// A mask without unknown bits.
    @Benchmark
    public long mask() {
        return next() + Gfp.check(mask);
    }

    /// An address of this pool, in a frame of a slab.
    @Benchmark
    public long frame() {
        long address = next();
        return address + slotAt(address).states.length;
    }

    private Slot slotAt(long address) {
        int frame = (int) ((address - base) >>> FRAME_SHIFT);
        Slot slot = Integer.compareUnsigned(frame, slots.length) < 0 ? slots[frame] : null;
        if (slot == null) {
            throw new IllegalStateException("no slab there");
        }
        return slot;
    }

    /// The same, and the first byte of an object there.
    @Benchmark
    public long object() {
        long address = next();
        return address + numberIn(slotAt(address), address);
    }

    private static int numberIn(Slot slot, long address) {
        long number = Long.rotateRight((address - slot.first) * slot.inverse, OBJECT_SHIFT);
        if (Long.compareUnsigned(number, slot.states.length) >= 0) {
            throw new IllegalStateException("inside an object");
        }
        return (int) number;
    }

    /// The same, and an object in use, noted as free and in use again.
    @Benchmark
    public long state() {
        long address = next();
        Slot slot = slotAt(address);
        int number = numberIn(slot, address);
        if (slot.states[number] == 0) {
            throw new IllegalStateException("free already");
        }
        slot.states[number] = 0;
        slot.states[number]++;
        return address;
    }

    /// The bracket by which a thread's sheaves can be called back.
    @Benchmark
    public long bracket() {
        long address = 0;
        BUSY.setOpaque(this, 1);
        if ((int) DOOR.getAcquire(this) == 0) {
            address = next();
        }
        BUSY.setRelease(this, 0);
        return address;
    }

    private static VarHandle handle(String field) {
        try {
            return MethodHandles.lookup().findVarHandle(CheckBenchmark.class, field, int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }
}
