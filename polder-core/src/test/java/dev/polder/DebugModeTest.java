package dev.polder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.debug.DebugMode;
import dev.polder.debug.MemoryCorruptedException;
import dev.polder.gfp.Gfp;
import dev.polder.os.PoolMemory;
import dev.polder.slab.SlabCache;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongConsumer;
import java.util.function.LongSupplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Faults that are planted, run in debug mode, where each must be told of with both stacks, and
/// once more in release mode, where what the documents say is not caught really is not.
final class DebugModeTest {
    private final Polder debug = open(DebugMode.full());
    private final Polder release = open(DebugMode.OFF);

    private static Polder open(DebugMode mode) {
        return Polder.open(PolderConfig.builder().name(mode.on() ? "watched" : "plain")
                .budget(32L << 20).debug(mode).build());
    }

    @AfterEach
    void close() {
        debug.verify();
        release.verify();
        debug.close();
        release.close();
    }

    /// Where an object of the planted programs comes from.
    enum Door {
        KMALLOC, LARGE, VMALLOC, CACHE, FACADE;

        /// In portable mode an area is a run of pages, which nobody watches.
        static Stream<Door> watched() {
            boolean portable = Boolean.getBoolean(PoolMemory.PORTABLE_PROPERTY);
            return Stream.of(values()).filter(door -> !portable || door != VMALLOC);
        }

        /// A taker of one object, and its giver.
        User of(Polder pool) {
            return switch (this) {
                case KMALLOC -> new User(100, () -> pool.kmalloc().alloc(100, Gfp.KERNEL),
                        pool.kmalloc()::free);
                case LARGE -> new User(20_000, () -> pool.kmalloc().alloc(20_000, Gfp.KERNEL),
                        pool.kmalloc()::free);
                case VMALLOC -> new User(20_000, () -> pool.vmalloc().alloc(20_000, Gfp.KERNEL),
                        pool.vmalloc()::free);
                case CACHE -> {
                    SlabCache cache = pool.createCache("planted", 64);
                    yield new User(64, () -> cache.alloc(Gfp.KERNEL), cache::free);
                }
                case FACADE -> new User(64, () -> pool.allocate(64, Gfp.KERNEL).address(),
                        a -> pool.free(segmentAt(a, 64)));
            };
        }
    }

    /// Takes and gives objects of one size.
    private record User(long size, LongSupplier taker,
            LongConsumer giver) {
        long plantedTake() {
            return taker.getAsLong();
        }

        void plantedFree(long address) {
            giver.accept(address);
        }
    }

    @SuppressWarnings("restricted") // the stray pointer
    private static MemorySegment segmentAt(long address, long size) {
        return MemorySegment.ofAddress(address).reinterpret(size);
    }

    private static void write(long address, int value) {
        segmentAt(address, 1).set(ValueLayout.JAVA_BYTE, 0, (byte) value);
    }

    private static void told(@Nullable String report, String kind) {
        assertThat(report).contains(kind, "allocated by thread", "plantedTake", "freed by thread",
                "plantedFree");
    }

    @ParameterizedTest
    @MethodSource("dev.polder.DebugModeTest$Door#watched")
    void anOverflowByOne(Door door) {
        User user = door.of(debug);
        long a = user.plantedTake();
        write(a + user.size(), 1);
        assertThatThrownBy(() -> user.plantedFree(a)).isInstanceOf(MemoryCorruptedException.class)
                .hasMessageContaining("0 bytes behind the end")
                .satisfies(e -> told(e.getMessage(), "out of bounds"));
        assertThatThrownBy(() -> user.plantedFree(a)).as("it is free all the same")
                .isInstanceOf(IllegalArgumentException.class);
        User plain = door.of(release);
        long b = plain.plantedTake();
        write(b + plain.size(), 1);
        plain.plantedFree(b);
    }

    @ParameterizedTest
    @EnumSource(names = {"KMALLOC", "CACHE", "FACADE"})
    void anUnderflow(Door door) {
        User user = door.of(debug);
        long a = user.plantedTake();
        write(a - 1, 1);
        assertThatThrownBy(() -> user.plantedFree(a)).isInstanceOf(MemoryCorruptedException.class)
                .hasMessageContaining("1 bytes before the beginning")
                .satisfies(e -> told(e.getMessage(), "out of bounds"));
        User plain = door.of(release);
        plain.plantedTake();
        long b = plain.plantedTake();
        write(b - 1, 1);
        plain.plantedFree(b);
    }

    @ParameterizedTest
    @MethodSource("dev.polder.DebugModeTest$Door#watched")
    void verifyFindsAnOverflowOfWhatIsInUse(Door door) {
        User user = door.of(debug);
        long a = user.plantedTake();
        write(a + user.size(), 1);
        assertThatThrownBy(debug::verify).isInstanceOf(MemoryCorruptedException.class)
                .hasMessageContaining("out of bounds").hasMessageContaining("plantedTake");
        debug.verify();
        user.plantedFree(a);
    }

    @ParameterizedTest
    @MethodSource("dev.polder.DebugModeTest$Door#watched")
    void aWriteAfterFree(Door door) {
        User user = door.of(debug);
        long a = user.plantedTake();
        user.plantedFree(a);
        write(a + 7, 1);
        // Whoever drains the quarantine or takes the place again is not to blame: nothing throws.
        pressure(debug);
        for (int i = 0; i < 200; i++) {
            user.plantedTake();
        }
        assertThat(debug.findings()).hasSize(1);
        told(debug.findings().getFirst(), "use after free");
        assertThat(debug.findings().getFirst()).contains("byte 7 of a free");

        User plain = door.of(release);
        long b = plain.plantedTake();
        plain.plantedFree(b);
        write(b + 7, 1);
        plain.plantedTake();
        assertThat(release.findings()).isEmpty();
    }

    /// Reclaim, which empties the quarantine before it asks a consumer.
    private static void pressure(Polder pool) {
        List<Long> runs = new ArrayList<>();
        for (long run = pool.pages().alloc(6, Gfp.KERNEL | Gfp.NORETRY | Gfp.NOWARN); run != 0;
                run = pool.pages().alloc(6, Gfp.KERNEL | Gfp.NORETRY | Gfp.NOWARN)) {
            runs.add(run);
        }
        runs.forEach(pool.pages()::free);
    }

    @ParameterizedTest
    @EnumSource(names = {"KMALLOC", "CACHE", "FACADE"})
    void verifyFindsAWriteAfterFree(Door door) {
        User user = door.of(debug);
        long a = user.plantedTake();
        user.plantedFree(a);
        write(a, 1);
        assertThatThrownBy(debug::verify).isInstanceOf(MemoryCorruptedException.class)
                .satisfies(e -> told(e.getMessage(), "use after free"));
    }

    @ParameterizedTest
    @MethodSource("dev.polder.DebugModeTest$Door#watched")
    void aStaleFreeAfterSomebodyElseAsked(Door door) {
        User user = door.of(debug);
        long a = user.plantedTake();
        user.plantedFree(a);
        long b = user.plantedTake();
        assertThat(b).as("quarantine keeps the place from use").isNotEqualTo(a);
        assertThatThrownBy(() -> user.plantedFree(a)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("0x" + Long.toHexString(a))
                .satisfies(e -> told(e.getMessage(), "free"));
        user.plantedFree(b);

        User plain = door.of(release);
        long c = plain.plantedTake();
        plain.plantedFree(c);
        long d = plain.plantedTake();
        assertThat(d).as("release mode uses the place at once").isEqualTo(c);
        plain.plantedFree(c);
        assertThatThrownBy(() -> plain.plantedFree(d)).as("the victim is told, not the culprit")
                .isInstanceOf(IllegalArgumentException.class);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 7, 8, 24, 64, 96, 100, 192, 1000, 4096, 8192, 8193, 100_000, 1 << 20})
    void sizesAlignmentAndZeroHold(long size) {
        List<MemorySegment> held = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            MemorySegment s = debug.allocate(size, Gfp.KERNEL | Gfp.ZERO);
            for (long at = 0; at < size; at++) {
                assertThat(s.get(ValueLayout.JAVA_BYTE, at)).isZero();
            }
            s.fill((byte) 0x11);
            held.add(s);
        }
        long power = Long.highestOneBit(size);
        MemorySegment aligned = debug.allocate(power, Gfp.KERNEL);
        assertThat(aligned.address() % Math.min(power, 4096)).isZero();
        assertThat(aligned.get(ValueLayout.JAVA_BYTE, 0)).as("written by nobody yet")
                .isEqualTo((byte) 0x5a);
        held.add(aligned);
        debug.verify();
        held.forEach(debug::free);
        debug.verify();
        assertThat(debug.findings()).isEmpty();
    }

    @Test
    void reclaimEmptiesTheQuarantineBeforeAnyConsumerIsAsked() {
        PageCacheConsumer consumer = new PageCacheConsumer(debug, "consumer", null, 0);
        for (int i = 0; i < 100; i++) {
            assertThat(consumer.grow()).isTrue();
        }
        long before = debug.memInfo().used();
        for (int i = 0; i < 200; i++) {
            debug.free(debug.allocate(4000, Gfp.KERNEL));
        }
        assertThat(debug.memInfo().used()).isGreaterThan(before + (512 << 10));
        pressure(debug);
        debug.parts().slabs().shrinkAll();
        assertThat(debug.memInfo().used()).isLessThan(before + (64 << 10));
        consumer.clear();
    }

    private static long plantedRun(Polder pool) {
        return pool.pages().alloc(3, Gfp.KERNEL);
    }

    private static void plantedFreeOfRun(Polder pool, long run) {
        pool.pages().free(run);
    }

    @Test
    void aWriteToAFreeRunIsFoundWhereItIsUsedAgain() {
        long run = plantedRun(debug);
        long address = debug.pages().address(run);
        write(address + 5, 1);
        plantedFreeOfRun(debug, run);
        write(address + 3 * 4096 + 9, 1);
        assertThat(debug.pages().alloc(3, Gfp.KERNEL)).as("the last is the first").isEqualTo(run);
        assertThat(debug.findings()).hasSize(1);
        assertThat(debug.findings().getFirst()).contains("use after free: byte 9 of a free frame",
                "a run of 32768 bytes", "allocated by thread", "plantedRun", "freed by thread",
                "plantedFreeOfRun");
        debug.pages().free(run);

        long plain = plantedRun(release);
        plantedFreeOfRun(release, plain);
        write(release.pages().address(plain), 1);
        release.pages().free(release.pages().alloc(3, Gfp.KERNEL));
        assertThat(release.findings()).isEmpty();
    }

    @Test
    void verifyFindsAWriteToAFreeRunOnce() {
        long run = plantedRun(debug);
        plantedFreeOfRun(debug, run);
        assertThatThrownBy(() -> plantedFreeOfRun(debug, run))
                .hasMessageContaining("freed by thread").hasMessageContaining("plantedFreeOfRun");
        write(debug.pages().address(run) + 32767, 1);
        assertThatThrownBy(debug::verify).isInstanceOf(MemoryCorruptedException.class)
                .hasMessageContaining("byte 4095 of a free frame")
                .hasMessageContaining("plantedFreeOfRun");
        debug.verify();
    }

    @Test
    void aRunInUseIsItsTakersAndIsNamedAtClose() {
        Polder pool = open(DebugMode.full());
        long run = plantedRun(pool);
        write(pool.pages().address(run) + 4096, 7);
        pool.verify();
        assertThat(Leftovers.describe(pool.parts())).contains("run 0x",
                "1 of them, 32768 bytes, allocated", "plantedRun");
        pool.close();
    }

    @Test
    void aClosingPoolNamesThePlacesThatForgot() {
        Polder pool = open(DebugMode.full());
        User user = Door.KMALLOC.of(pool);
        for (int i = 0; i < 3; i++) {
            user.plantedTake();
        }
        Door.VMALLOC.of(pool).plantedTake();
        String left = Leftovers.describe(pool.parts());
        assertThat(left).contains("4 allocations of", "cache kmalloc-128: 3 objects",
                "vmalloc area 0x", "3 of them, 300 bytes, allocated", "plantedTake");
        if (Door.watched().anyMatch(door -> door == Door.VMALLOC)) {
            assertThat(left).contains("1 of them, 20000 bytes, allocated");
        }
        pool.close();
    }

    @Test
    void aDamagedSegmentOfAnArenaDoesNotKeepTheOthers() {
        Arena arena = debug.arena(ArenaKind.SHARED, Gfp.KERNEL);
        MemorySegment first = arena.allocate(100);
        MemorySegment second = arena.allocate(100);
        write(first.address() + 100, 1);
        assertThatThrownBy(arena::close).isInstanceOf(MemoryCorruptedException.class);
        assertThatThrownBy(() -> debug.kmalloc().free(second.address()))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("free already");
    }

    @Test
    void aCacheInDebugModeCloses() {
        SlabCache cache = debug.createCache("closing", 64);
        long a = cache.alloc(Gfp.KERNEL);
        cache.free(a);
        assertThat(cache.stats().cachedObjects()).as("in quarantine").isEqualTo(1);
        cache.close();
        assertThat(debug.memInfo().slab()).isZero();
    }
}
