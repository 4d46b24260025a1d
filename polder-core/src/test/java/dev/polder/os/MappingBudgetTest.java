package dev.polder.os;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

class MappingBudgetTest {
    @Test
    void takesAllOrNothing() {
        MappingBudget b = MappingBudget.of(10);
        assertThat(b.tryReserve(7)).isTrue();
        assertThat(b.tryReserve(4)).isFalse();
        assertThat(b.used()).isEqualTo(7);
        assertThat(b.tryReserve(3)).isTrue();
        assertThat(b.tryReserve(1)).isFalse();
        assertThat(b.tryReserve(0)).isTrue();
        b.release(10);
        assertThat(b.used()).isZero();
    }

    @Test
    void refusesWhatWouldOverflow() {
        MappingBudget b = MappingBudget.of(10);
        assertThat(b.tryReserve(1)).isTrue();
        assertThat(b.tryReserve(Integer.MAX_VALUE)).isFalse();
        assertThat(b.used()).isEqualTo(1);
    }

    @Test
    void giveBackOfMoreThanWasTakenIsAnErrorAndChangesNothing() {
        MappingBudget b = MappingBudget.of(10);
        assertThat(b.tryReserve(2)).isTrue();
        assertThatThrownBy(() -> b.release(3)).isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("3").hasMessageContaining("2");
        assertThat(b.used()).isEqualTo(2);
        assertThatThrownBy(() -> b.release(-1)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void theProcessHasOneBudgetOfAQuarterOfItsLimit() {
        MappingBudget b = MappingBudget.ofSystem();
        assertThat(b).isSameAs(MappingBudget.ofSystem());
        assertThat(b.limit()).isEqualTo(maxMapCount() / 4);
    }

    /// Read by another program.
    private static int maxMapCount() {
        try {
            Process p = new ProcessBuilder("cat", "/proc/sys/vm/max_map_count").start();
            byte[] text = p.getInputStream().readAllBytes();
            return Integer.parseInt(new String(text, StandardCharsets.US_ASCII).strip());
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void aPropertyThatIsNoNumberIsRefusedByName() {
        for (String wrong : List.of("many", "-1", "", "12345678901")) {
            System.setProperty(MappingBudget.LIMIT_PROPERTY, wrong);
            try {
                assertThatThrownBy(MappingBudget::ofSystem)
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("dev.polder.mappings must be a number of mappings, "
                                + "not '" + wrong + "'");
            } finally {
                System.clearProperty(MappingBudget.LIMIT_PROPERTY);
            }
        }
    }

    @Test
    void concurrentReservationsNeverExceedTheLimit() throws InterruptedException {
        MappingBudget b = MappingBudget.of(100);
        AtomicInteger over = new AtomicInteger();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            int n = 20 + i;
            threads.add(Thread.ofPlatform().start(() -> {
                for (int r = 0; r < 20_000; r++) {
                    if (b.tryReserve(n)) {
                        if (b.used() > 100) {
                            over.incrementAndGet();
                        }
                        b.release(n);
                    }
                }
            }));
        }
        for (Thread t : threads) {
            t.join();
        }
        assertThat(over).hasValue(0);
        assertThat(b.used()).isZero();
    }
}
