package dev.polder;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.gfp.Gfp;
import dev.polder.page.PageAllocator;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// What random programs found, made small.
@Timeout(60)
class FuzzFindingsTest {
    /// A consumer that took a frame and gave it back was progress, after which a request goes
    /// round again: it never ended, and no time passed by which it could have been.
    @Test
    void aConsumerThatTakesAndGivesIsNoProgress() {
        try (Polder pool = Polder.open(PolderConfig.builder().name("finding")
                .budget(PolderConfig.MIN_BUDGET).clock(new FuzzClock()).build())) {
            PageAllocator pages = pool.pages();
            pool.register(ShrinkerSpec.of("takes and gives", new CallbackShrinker(
                    () -> pages.free(pages.alloc(0, Gfp.KERNEL | Gfp.NOWARN)))));
            List<Long> held = new ArrayList<>();
            for (long run = pages.alloc(0, Gfp.KERNEL); run != 0;
                    run = pages.alloc(0, Gfp.KERNEL)) {
                held.add(run);
            }
            assertThat(pool.memInfo().free()).isLessThanOrEqualTo(pool.memInfo().min() + 4096);
            held.forEach(pages::free);
            pool.verify();
        }
    }
}
