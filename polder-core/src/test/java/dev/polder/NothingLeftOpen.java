package dev.polder;

import dev.polder.gfp.MemallocScope;
import dev.polder.gfp.PolderEvents;
import dev.polder.task.Task;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/// What no test of this module leaves to the next, in whatever order they run in one JVM. A test
/// whose thread is still inside a scope, a group or a reclaim when it ends has failed; and what was
/// reported before a test begins is told before, so that its listener hears of nothing but its own,
/// and the queue has room. JUnit finds it as a service.
public final class NothingLeftOpen implements BeforeEachCallback, AfterEachCallback {
    /// Seconds in which every listener has returned; only one that hangs does not.
    private static final long PATIENCE = 20;

    private static volatile String watching = "";

    /// For JUnit.
    public NothingLeftOpen() {}

    @Override
    public void beforeEach(ExtensionContext context) throws InterruptedException {
        watching = context.getUniqueId();
        if (!PolderEvents.awaitDelivered(PATIENCE, TimeUnit.SECONDS)) {
            throw new IllegalStateException("a listener of an earlier test hangs");
        }
    }

    @Override
    public void afterEach(ExtensionContext context) {
        check();
    }

    /// Which test it looks at.
    static String watching() {
        return watching;
    }

    /// @throws IllegalStateException that names what is open
    static void check() {
        Task task = Task.current();
        task.verify();
        MemallocScope.requireNone();
        if (task.flags() != 0 || task.inReclaim() || task.group() != null) {
            throw new IllegalStateException("the test left its thread with the flags "
                    + task.flags() + (task.inReclaim() ? ", in reclaim" : "")
                    + (task.group() != null ? ", in a group" : ""));
        }
    }
}
