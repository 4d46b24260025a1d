package dev.polder.os;

import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.base.Frames;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/// Touches what must not be touched, in a child process: were it wrong, the JVM would end.
@EnabledOnOs(OS.LINUX)
class GuardTouchTest {
    @Test
    void aTouchOfAGuardIsAnErrorThatCanBeCaught() {
        ChildJvm.Result r = ChildJvm.run(Toucher.class, List.of(PoolMemory.class));
        assertThat(r.output()).contains("caught 8 of 8");
        assertThat(r.exitCode()).isZero();
    }

    /// The child.
    @SuppressWarnings("restricted") // a raw address
    static final class Toucher {
        private static int tried;
        private static int caught;

        public static void main(String[] args) {
            PoolMemory m = PoolMemory.open(1024, 1 << 20, false, MappingBudget.ofSystem());
            MemorySegment s = m.segment();
            if (!m.commit(0, 4) || !m.map(m.vmallocStart(), 1, 1)) {
                throw new AssertionError("no memory");
            }
            expectFault(() -> s.get(JAVA_LONG_UNALIGNED, m.zeroSentinel() - m.base()));
            expectFault(() -> s.get(JAVA_LONG_UNALIGNED, Frames.bytes(m.frames())));
            expectFault(() -> s.set(JAVA_LONG_UNALIGNED, m.vmallocStart() - m.base() + 4096, 1));
            expectFault(() -> s.asSlice(m.vmallocStart() - m.base(), 8192).fill((byte) 1));
            if (!m.cover(m.vmallocStart(), 4096)) {
                throw new AssertionError("cover refused");
            }
            expectFault(() -> s.get(JAVA_LONG_UNALIGNED, m.vmallocStart() - m.base()));
            // A raw address lives on after the pool.
            MemorySegment raw = MemorySegment.ofAddress(m.base()).reinterpret(s.byteSize());
            m.close();
            expectFault(() -> raw.get(JAVA_LONG_UNALIGNED, 0));
            expectFault(() -> raw.set(JAVA_LONG_UNALIGNED, Frames.bytes(m.frames()) - 8, 1));
            expectFault(() -> raw.get(JAVA_LONG_UNALIGNED, m.vmallocStart() - m.base()));
            System.out.println("caught " + caught + " of " + tried);
        }

        private static void expectFault(Runnable touch) {
            tried++;
            try {
                touch.run();
            } catch (InternalError _) {
                caught++;
            }
        }
    }
}
