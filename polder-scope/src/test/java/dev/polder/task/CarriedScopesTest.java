package dev.polder.task;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.gfp.MemallocScope;
import dev.polder.gfp.ScopeSite;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/// What work that was handed over can tell of the thread that handed it over.
class CarriedScopesTest {
    private static final ScopeSite SITE = ScopeSite.of("journal handle");

    private static <T> T onAnotherThread(Callable<T> body) throws Exception {
        CompletableFuture<T> result = new CompletableFuture<>();
        Thread worker = new Thread(() -> {
            try {
                result.complete(body.call());
            } catch (Exception e) {
                result.completeExceptionally(e);
            }
        });
        worker.start();
        return result.get();
    }

    private static boolean openAtOrigin(CarriedScopes carried) throws Exception {
        return onAnotherThread(() -> {
            Task worker = Task.current();
            CarriedScopes.Stay stay = carried.enter(worker);
            assertThat(worker.innermostCarried()).isSameAs(carried);
            MemallocScope own = MemallocScope.noIo(SITE);
            assertThat(worker.innermostCarried()).as("inside a scope of its own").isNull();
            own.close();
            boolean open = carried.isOpenAtOrigin();
            stay.leave();
            assertThat(worker.innermostCarried()).isNull();
            return open;
        });
    }

    @Test
    void aScopeIsOpenAtItsOriginUntilItIsClosedThere() throws Exception {
        Task task = Task.current();
        MemallocScope outer = MemallocScope.noIo(SITE);
        MemallocScope inner = MemallocScope.noFs(SITE);
        CarriedScopes carried = CarriedScopes.of(task);
        assertThat(task.innermostCarried()).isNull();
        assertThat(openAtOrigin(carried)).isTrue();
        inner.close();
        assertThat(openAtOrigin(carried)).as("the outer one says nothing").isFalse();
        outer.close();
    }

    @Test
    void aGuardIsHeldAtItsOriginUntilItIsReleasedThere() throws Exception {
        Task task = Task.current();
        Object domain = new Object();
        task.exclude(domain, SITE);
        CarriedScopes carried = CarriedScopes.of(task);
        assertThat(openAtOrigin(carried)).isTrue();
        task.unexclude(domain, SITE);
        assertThat(openAtOrigin(carried)).isFalse();
    }

    @Test
    void whoHasEndedWaitsForNothing() throws Exception {
        Thread[] thread = new Thread[1];
        CarriedScopes carried = onAnotherThread(() -> {
            thread[0] = Thread.currentThread();
            Task.current().saveRaw(Task.NOFS, SITE);
            return CarriedScopes.of(Task.current());
        });
        thread[0].join();
        assertThat(openAtOrigin(carried)).isFalse();
    }
}
