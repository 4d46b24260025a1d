package dev.polder.gfp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.task.Task;
import dev.polder.testkit.FallsShort;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;

/// Two places where Linux keeps silent, as short as can be; more in [ScopeLeakTest] and
/// [CrossedTokenTest].
@ExtendWith(CleanScopes.class)
class FallsShortTest {
    @RegisterExtension
    private final HeardEvents events = new HeardEvents();

    @BeforeEach
    void nothingIsFoundAtFirst() {
        Task.reap();
    }

    @Test
    @FallsShort("3")
    void aThreadThatEndsInsideAScopeIsReported() throws Exception {
        Threads.on(Memalloc::nofsSave);
        assertThat(Task.reap()).isEqualTo(1);
        assertThat(events.all()).singleElement().asString()
                .contains("leaked test-platform").contains("NOFS");
    }

    @Test
    @FallsShort("6")
    void aNofsTokenGivenToNoiosRestoreEndsTheScopeAndIsReported() throws Exception {
        int mask = Threads.on(() -> {
            Memalloc.noioRestore(Memalloc.nofsSave());
            return Memalloc.effective(Gfp.KERNEL);
        });
        assertThat(mask).as("as recorded").isEqualTo(Gfp.KERNEL);
        assertThat(events.all()).singleElement().asString()
                .startsWith("crossed").contains("test-platform");
    }
}
