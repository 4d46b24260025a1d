package dev.polder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.debug.DebugMode;
import dev.polder.debug.MemoryCorruptedException;
import dev.polder.gfp.Gfp;
import dev.polder.gfp.PolderEvents;
import dev.polder.os.ChildJvm;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// What a program must not miss is told before the call that has it told returns, and is not left
/// out for what was told before: the program may end next.
final class LeftAllocatedTest {
    private static Polder open(String name, boolean debug) {
        return Polder.open(PolderConfig.builder().name(name).budget(16L << 20)
                .debug(debug ? DebugMode.full() : DebugMode.OFF).build());
    }

    private static String child(Class<?> main) {
        ChildJvm.Result r = ChildJvm.run(main, List.of(Polder.class, Gfp.class, Nullable.class));
        assertThat(r.exitCode()).as(r.output()).isZero();
        return r.output();
    }

    @AfterEach
    void backToTheDefault() {
        PolderEvents.listen(null);
    }

    @Test
    void eachPoolThatClosesLastInAProgramTellsWhatWasLeft() {
        String output = child(Leaver.class);
        for (int i = 0; i < 4; i++) {
            assertThat(output).contains("pool leaver" + i + ": closed while 1 allocation of 1024"
                    + " bytes is in use; free it before close   cache kmalloc-1k: 1 object, 1024");
        }
    }

    /// The child.
    static final class Leaver {
        public static void main(String[] args) {
            for (int i = 0; i < 4; i++) {
                try (Polder pool = open("leaver" + i, false)) {
                    // Is told of as trouble, and takes the place of what is told of so.
                    pool.tryAllocate(1L << 40, Gfp.KERNEL);
                    pool.allocate(1000 + i, Gfp.KERNEL);
                }
            }
        }
    }

    @Test
    void eachFindingOfDebugModeIsToldBeforeThePoolIsClosed() {
        String output = child(Writer.class);
        assertThat(output).containsSubsequence("pool writer: ", "pool writer: ", "pool writer: ");
    }

    /// The child: three writes past an end.
    static final class Writer {
        public static void main(String[] args) {
            try (Polder pool = open("writer", true)) {
                for (int i = 0; i < 3; i++) {
                    long a = pool.kmalloc().alloc(100, Gfp.KERNEL);
                    pool.pages().memory().zero(a, 101);
                    try {
                        pool.kmalloc().free(a);
                    } catch (MemoryCorruptedException e) {
                        continue;
                    }
                    throw new AssertionError("not noticed");
                }
            }
        }
    }

    @Test
    void aListenerThatThrowsKeepsNoPoolOpen() {
        List<String> heard = new ArrayList<>();
        PolderEvents.listen(new PolderEvents() {
            @Override
            public void leftAllocated(String pool, String what) {
                heard.add(pool);
                throw new IllegalStateException("a listener that throws");
            }

            @Override
            public void trouble(String pool, String what, @Nullable Throwable thrown) { }
        });
        Polder pool = open("thrown", false);
        pool.allocate(100, Gfp.KERNEL);
        pool.close();
        assertThat(heard).containsExactly("thrown");
        assertThatThrownBy(() -> pool.allocate(1, Gfp.KERNEL))
                .isInstanceOf(IllegalStateException.class);
    }
}
