package dev.polder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.gfp.Gfp;
import dev.polder.mempool.MemPool;
import dev.polder.slab.SlabCache;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.function.LongConsumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// Each kind of wrong free at each door: refused, with a message that names the address and what it
/// is, and nothing changed by it.
final class WrongFreeDoorsTest {
    private static final long BUDGET = 16L << 20;

    private final Polder pool = open("doors");
    private final SlabCache cache = pool.createCache("things", 96);
    private final SlabCache elements = pool.createCache("elements", 128);
    private final MemPool reserve = pool.createMemPool(elements, 2);

    /// What is in use, by the door that takes it back.
    private final Map<String, Long> live = new TreeMap<>();
    /// Every way to give an address back.
    private final Map<String, LongConsumer> doors = doorsOf(pool, cache, reserve);

    WrongFreeDoorsTest() {
        live.put("kmalloc", pool.kmalloc().alloc(100, Gfp.KERNEL));
        live.put("kmalloc-large", pool.kmalloc().alloc(20_000, Gfp.KERNEL));
        live.put("cache", cache.alloc(Gfp.KERNEL));
        live.put("vmalloc", pool.vmalloc().alloc(20_000, Gfp.KERNEL));
        live.put("run", pool.pages().address(pool.pages().alloc(2, Gfp.KERNEL)));
        live.put("mempool", reserve.alloc(Gfp.KERNEL));
    }

    @AfterEach
    void close() {
        pool.verify();
        pool.close();
    }

    private static Polder open(String name) {
        return Polder.open(PolderConfig.builder().name(name).budget(BUDGET).build());
    }

    private static Map<String, LongConsumer> doorsOf(Polder p, SlabCache c, MemPool m) {
        Map<String, LongConsumer> doors = new TreeMap<>();
        doors.put("kmalloc", a -> p.kmalloc().free(a));
        doors.put("cache", c::free);
        doors.put("vmalloc", a -> p.vmalloc().free(a));
        doors.put("kv", a -> p.kv().free(a));
        doors.put("mempool", m::free);
        doors.put("run", a -> p.pages().free((a - p.pages().memory().base()) >> 12));
        doors.put("facade", a -> p.free(segmentAt(a, 16)));
        return doors;
    }

    @SuppressWarnings("restricted") // a segment nobody allocated
    private static MemorySegment segmentAt(long address, long size) {
        return MemorySegment.ofAddress(address).reinterpret(size);
    }

    /// Whether `door` takes back what was taken at `origin`.
    private static boolean fits(String door, String origin) {
        return switch (door) {
            case "kmalloc" -> origin.startsWith("kmalloc");
            case "kv", "facade" -> origin.startsWith("kmalloc") || origin.equals("vmalloc");
            default -> door.equals(origin);
        };
    }

    private long at(String origin) {
        return Objects.requireNonNull(live.get(origin));
    }

    private void refusedEverywhere(long address, String what) {
        doors.forEach((door, free) -> refused(door, free, address, what));
        pool.verify();
    }

    private static void refused(String door, LongConsumer free, long address, String what) {
        // Runs have numbers and not addresses; the others name the address.
        String names = door.equals("run") ? "run " : "0x" + Long.toHexString(address);
        assertThatThrownBy(() -> free.accept(address)).as("%s at %s", what, door)
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining(names);
    }

    @Test
    void foreignAddresses() {
        Polder stranger = open("stranger");
        try (Arena arena = Arena.ofConfined()) {
            long base = pool.pages().memory().base();
            for (long address : new long[] {1, -1, Long.MIN_VALUE, base - 4096, base - 1,
                base + BUDGET + 1, pool.pages().memory().vmallocEnd() + (64 << 20),
                arena.allocate(64).address(), stranger.kmalloc().alloc(64, Gfp.KERNEL),
                stranger.vmalloc().alloc(64, Gfp.KERNEL)}) {
                refusedEverywhere(address, "foreign " + Long.toHexString(address));
            }
        } finally {
            stranger.close();
        }
    }

    @Test
    void insideWhatIsInUse() {
        live.forEach((origin, address) -> {
            for (long offset : new long[] {1, 8, 90}) {
                // A frame has one number, wherever in it an address points.
                doors.forEach((door, free) -> {
                    if (!door.equals("run") || !origin.equals("run")) {
                        refused(door, free, address + offset, "inside " + origin);
                    }
                });
            }
        });
        refusedEverywhere(at("kmalloc-large") + 4096, "second frame of a large object");
        refusedEverywhere(at("vmalloc") + 4096, "second frame of an area");
        refusedEverywhere(at("run") + 4096, "second frame of a run");
        pool.verify();
    }

    @Test
    void whatAnotherDoorGaveOut() {
        live.forEach((origin, address) -> doors.forEach((door, free) -> {
            if (!fits(door, origin)) {
                refused(door, free, address, origin);
            }
        }));
        pool.verify();
    }

    @Test
    void freedAndNotYetReused() {
        live.forEach((origin, address) -> {
            doors.forEach((door, free) -> {
                if (fits(door, origin) && !door.equals("facade") && !door.equals("kv")) {
                    free.accept(address);
                }
            });
            refusedEverywhere(address, "freed " + origin);
        });
    }

    @Tag("remapping")
    @Test
    void theFacadeWantsTheWholeSegment() {
        for (long size : new long[] {1, 64, 100, 4096, 20_000, 1 << 20, 5 << 20}) {
            MemorySegment s = pool.allocate(size, Gfp.KERNEL);
            List<MemorySegment> wrong = new ArrayList<>(List.of(s.asSlice(0, size - 1),
                    s.asSlice(size), segmentAt(s.address(), size + 1)));
            if (size > 8) {
                wrong.add(s.asSlice(8));
                wrong.add(s.asSlice(8, 1));
            }
            for (MemorySegment w : wrong) {
                assertThatThrownBy(() -> pool.free(w)).as("%s of %s", w, s)
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("0x" + Long.toHexString(w.address()));
                assertThatThrownBy(() -> pool.reallocate(w, 10, Gfp.KERNEL))
                        .isInstanceOf(IllegalArgumentException.class);
            }
            pool.free(s);
            assertThatThrownBy(() -> pool.free(s)).isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> pool.reallocate(s, 10, Gfp.KERNEL))
                    .isInstanceOf(IllegalArgumentException.class);
        }
        MemorySegment none = pool.allocate(0, Gfp.KERNEL);
        pool.free(none);
        pool.free(none);
        assertThatThrownBy(() -> pool.free(segmentAt(none.address(), 1)))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> pool.free(MemorySegment.ofArray(new byte[8])))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("doors");
    }

    @Test
    void aSegmentOfAnArenaIsFreedByTheArenaAlone() {
        MemorySegment s;
        try (Arena arena = pool.arena(ArenaKind.SHARED, Gfp.KERNEL)) {
            s = arena.allocate(100);
            assertThat(arena.allocate(20_000).byteSize()).isEqualTo(20_000);
            MemorySegment mine = s;
            assertThatThrownBy(() -> pool.free(mine)).isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("0x" + Long.toHexString(mine.address()))
                    .hasMessageContaining("arena");
        }
        assertThatThrownBy(() -> s.get(java.lang.foreign.ValueLayout.JAVA_BYTE, 0))
                .isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> pool.free(s)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void aClosedPoolTakesNothing() {
        Polder closing = open("closing");
        SlabCache c = closing.createCache("c", 64);
        MemPool m = closing.createMemPool(c, 1);
        Map<String, Long> held = new TreeMap<>();
        held.put("kmalloc", closing.kmalloc().alloc(64, Gfp.KERNEL));
        held.put("cache", c.alloc(Gfp.KERNEL));
        held.put("vmalloc", closing.vmalloc().alloc(64, Gfp.KERNEL));
        held.put("mempool", m.alloc(Gfp.KERNEL));
        long run = closing.pages().alloc(0, Gfp.KERNEL);
        held.put("run", closing.pages().address(run));
        MemorySegment s = closing.allocate(64, Gfp.KERNEL);
        held.put("facade", s.address());
        Arena arena = closing.arena(ArenaKind.SHARED, Gfp.KERNEL);
        MemorySegment inArena = arena.allocate(64);
        closing.close();
        doorsOf(closing, c, m).forEach((door, free) -> held.forEach((origin, address) ->
                assertThatThrownBy(() -> free.accept(address)).as("%s at %s", origin, door)
                        .isInstanceOfAny(IllegalStateException.class,
                                IllegalArgumentException.class)
                        .hasMessageContaining("closed")));
        assertThatThrownBy(() -> closing.reallocate(s, 1, Gfp.KERNEL))
                .hasMessageContaining("closed");
        arena.close();
        assertThatThrownBy(() -> inArena.get(java.lang.foreign.ValueLayout.JAVA_BYTE, 0))
                .isInstanceOf(IllegalStateException.class);
        m.close();
        c.close();
    }
}
