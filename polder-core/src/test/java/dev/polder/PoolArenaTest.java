package dev.polder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.gfp.Gfp;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// What an arena took goes back when it closes, whoever allocates meanwhile and whatever was done
/// behind its back.
final class PoolArenaTest {
    private final Polder pool = Polder.open(
            PolderConfig.builder().name("arena").budget(16L << 20).build());
    private long before;

    private long used() {
        pool.parts().slabs().shrinkAll();
        return pool.memInfo().used();
    }

    @BeforeEach
    void measure() {
        before = used();
    }

    @AfterEach
    void nothingIsLost() {
        assertThat(used()).isEqualTo(before);
        pool.verify();
        pool.close();
    }

    @Test
    void aCloseThatMeetsAnAllocationLosesNothing() {
        Arena arena = pool.arena(ArenaKind.SHARED, Gfp.KERNEL);
        AtomicBoolean once = new AtomicBoolean();
        pool.pages().listener((_, _, _, _, _) -> {
            if (once.compareAndSet(false, true)) {
                arena.close();
            }
        });
        assertThatThrownBy(() -> arena.allocate(64 << 10))
                .isInstanceOf(IllegalStateException.class).hasMessageContaining("closed");
        pool.pages().listener(null);
        assertThat(once).isTrue();
    }

    @Test
    void aSegmentThatCannotBeFreedDoesNotKeepTheOthers() {
        Arena arena = pool.arena(ArenaKind.CONFINED, Gfp.KERNEL);
        MemorySegment first = arena.allocate(64 << 10);
        arena.allocate(64 << 10);
        arena.allocate(100);
        pool.kmalloc().free(first.address());
        assertThatThrownBy(arena::close).isInstanceOf(IllegalArgumentException.class);
        assertThat(first.scope().isAlive()).isFalse();
    }

    @Test
    void anArenaMayOutliveItsPool() {
        Polder other = Polder.open(PolderConfig.builder().name("short").budget(16L << 20).build());
        Arena arena = other.arena(ArenaKind.SHARED, Gfp.KERNEL);
        arena.allocate(100);
        other.close();
        arena.close();
        assertThat(arena.scope().isAlive()).isFalse();
    }
}
