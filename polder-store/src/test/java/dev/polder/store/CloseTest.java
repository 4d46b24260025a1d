package dev.polder.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.Polder;
import dev.polder.PolderConfig;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The end of a store while others use it.
class CloseTest {
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    @TempDir Path dir;

    /// A read that waited behind the closing thread, which waits for a reader, could hold up a
    /// commit for which that reader waits in reclaim.
    @Test
    void aReadIsRefusedAndNeverQueuesBehindTheClosingThread() throws InterruptedException {
        try (Polder pool = Polder.open(
                PolderConfig.builder().name("close").budget(16L << 20).build())) {
            Store store = Store.open(dir, pool, StoreConfig.builder().name("c").build());
            store.put(StoreTest.bytes("key"), StoreTest.bytes("value"));
            AtomicReference<@Nullable Throwable> refused = new AtomicReference<>();
            Thread closer = Thread.ofPlatform().name("closer").daemon().unstarted(store::close);
            Thread other = Thread.ofPlatform().name("other").daemon().unstarted(() -> {
                try {
                    while (true) { // until the closing thread has got that far
                        store.get(StoreTest.bytes("key"));
                    }
                } catch (IllegalStateException e) {
                    refused.set(e);
                }
            });
            store.get(StoreTest.bytes("key"), (bytes, offset, length) -> inside(closer, other));
            assertThat(refused.get()).isNotNull()
                    .hasMessage("store 'c' is closed");
            assertThat(closer.join(PATIENCE)).isTrue();
            assertThatThrownBy(() -> store.get(StoreTest.bytes("key")))
                    .isInstanceOf(IllegalStateException.class).hasMessage("store 'c' is closed");
        }
    }

    private static void inside(Thread closer, Thread other) {
        closer.start();
        other.start();
        try {
            assertThat(other.join(PATIENCE)).as("the other reader ended").isTrue();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
        assertThat(closer.isAlive()).as("the store is closed after this reader").isTrue();
    }
}
