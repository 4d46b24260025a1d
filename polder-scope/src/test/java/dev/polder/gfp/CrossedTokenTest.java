package dev.polder.gfp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.task.Task;
import dev.polder.testkit.Row;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(CleanScopes.class)
@Row("B4")
class CrossedTokenTest {
    @RegisterExtension
    private final HeardEvents events = new HeardEvents();

    private List<String> crossed() throws InterruptedException {
        return events.all().stream()
                .filter(event -> event.startsWith("crossed"))
                .collect(Collectors.toList());
    }

    @ParameterizedTest
    @ValueSource(strings = {"FIn0", "FIi0", "FFn0", "FIn0i1", "Fi0", "Fn0n0", "FFFn2n0", "RFr0"})
    void oneCrossedTokenIsReportedOnce(String program) throws Exception {
        Threads.on(() -> ScopeProgram.run(program));
        assertThat(crossed()).hasSize(1);
        assertThat(crossed().get(0)).contains("test-platform").contains("restore of");
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "", "Fn0", "FIi1n0", "IFn1i0", "FFn1n0", "FFFn2n1n0", "Rr0", "FIFn2i1n0"})
    void tokensInOrderAreNotReported(String program) throws Exception {
        Threads.on(() -> ScopeProgram.run(program));
        assertThat(crossed()).isEmpty();
    }

    @Test
    void theReportSaysWhatTheThreadIsInside() throws Exception {
        Threads.on(() -> ScopeProgram.run("FIn0"));
        assertThat(crossed().get(0))
                .contains("restore of NOFS with token NOFS")
                .contains("NOIO save 'Memalloc.noioSave'")
                .contains("NOFS save 'Memalloc.nofsSave'");
    }

    @Test
    void theSectionLeftBehindIsUnprotectedFromThenOn() throws Exception {
        int inner = Threads.on(() -> {
            ScopeProgram.run("FFn0");
            return Memalloc.effective(Gfp.KERNEL);
        });
        assertThat(inner).as("as in Linux").isEqualTo(Gfp.KERNEL);
    }

    @Test
    void tokensFromNowhereAreReportedAndHarmless() throws Exception {
        Memalloc.nofsRestore(0);
        Memalloc.noioRestore(-1);
        Memalloc.noreclaimRestore(0x12340);
        assertThat(crossed()).hasSize(3);
        assertThat(Task.current().flags()).isZero();
    }

    /// "MemallocScope makes them impossible": what a scope holds, no token takes away.
    @Test
    void aTokenCannotEndAScope() throws Exception {
        try (MemallocScope scope = MemallocScope.noFs("holds the lock")) {
            assertThat(Memalloc.nofsSave()).as("nothing is newly set").isZero();
            Memalloc.nofsRestore(Task.NOFS);
            assertThat(Memalloc.effective(Gfp.KERNEL)).isEqualTo(Gfp.NOFS);
            Memalloc.nofsRestore(0);
        }
        assertThat(Memalloc.effective(Gfp.KERNEL)).isEqualTo(Gfp.KERNEL);
        assertThat(crossed()).hasSize(1);
    }

    @Test
    void aScopeOutlivesTheSaveThatWasThereBefore() throws Exception {
        int token = Memalloc.nofsSave();
        try (MemallocScope scope = MemallocScope.noFs("opened under a save")) {
            Memalloc.nofsRestore(token);
            assertThat(Memalloc.effective(Gfp.KERNEL)).isEqualTo(Gfp.NOFS);
            Task.current().verify();
        }
        assertThat(Memalloc.effective(Gfp.KERNEL)).isEqualTo(Gfp.KERNEL);
        assertThat(crossed()).hasSize(1);
    }

    @Test
    void handOverHandTokensDoNotFillTheStack() throws Exception {
        int older = Memalloc.nofsSave();
        for (int i = 0; i < 1000; i++) {
            int newer = i % 2 == 0 ? Memalloc.noioSave() : Memalloc.nofsSave();
            if (i % 2 == 0) {
                Memalloc.nofsRestore(older);
            } else {
                Memalloc.noioRestore(older);
            }
            older = newer;
        }
        assertThat(Task.current().depth()).isEqualTo(1);
        Memalloc.nofsRestore(older);
        assertThat(crossed().size() + PolderEvents.dropped()).isGreaterThan(0);
    }

    @Test
    void savesWithoutRestoreAreBounded() throws Exception {
        int depth = Threads.on(() -> {
            for (int i = 0; i < 100_000; i++) {
                assertThat(Memalloc.nofsSave()).isEqualTo(i == 0 ? Task.NOFS : 0);
            }
            for (int i = 0; i < 100_000; i++) {
                Memalloc.nofsRestore(i == 99_999 ? Task.NOFS : 0);
            }
            assertThat(Task.current().flags()).isZero();
            return Task.current().depth();
        });
        assertThat(depth).isZero();
        assertThat(crossed()).isEmpty();
    }
}
