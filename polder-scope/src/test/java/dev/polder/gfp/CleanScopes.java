package dev.polder.gfp;

import dev.polder.task.Task;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/// After every test the thread's scopes hold their equations, and it is inside none.
public final class CleanScopes implements AfterEachCallback {
    @Override
    public void afterEach(ExtensionContext context) {
        Task.current().verify();
        MemallocScope.requireNone();
    }
}
