package dev.polder;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.gfp.Gfp;
import dev.polder.slab.SlabCache;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/// What a pool says that it holds of the Java heap.
class HeapTablesTest {
    private static final int OBJECTS = 100_000;
    /// A slab notes what each of its objects is in a short, and whether it is free in a bit.
    private static final long BYTES_OF_EIGHT = 17;

    @Test
    void tablesOfFramesAndOfObjectsAreCounted() {
        try (Polder pool = Polder.open(
                PolderConfig.builder().name("tables").budget(PolderConfig.MIN_BUDGET).build())) {
            long frames = pool.memInfo().total() / 4096 + 1;
            long empty = pool.memInfo().heapTables();
            assertThat(empty).as("at least a state and six words").isGreaterThan(25 * frames - 1);
            SlabCache cache = pool.createCache("tiny", 8);
            List<Long> held = new ArrayList<>();
            for (int i = 0; i < OBJECTS; i++) {
                held.add(cache.alloc(Gfp.KERNEL));
            }
            assertThat(pool.memInfo().heapTables() - empty)
                    .isBetween(BYTES_OF_EIGHT * OBJECTS / 8, 2 * BYTES_OF_EIGHT * OBJECTS / 8);
            held.forEach(cache::free);
            cache.close();
            assertThat(pool.memInfo().heapTables()).isEqualTo(empty);
        }
    }
}
