package dev.polder.gfp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.polder.task.Task;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/// Listens to scope events for the time of one test.
public final class HeardEvents implements PolderEvents, BeforeEachCallback, AfterEachCallback {
    private final List<String> heard = new ArrayList<>();

    @Override
    public void beforeEach(ExtensionContext context) throws Exception {
        PolderEvents.listen(this);
        Task.reap();
        all();
        forget(); // what earlier tests caused
    }

    @Override
    public void afterEach(ExtensionContext context) throws Exception {
        Task.reap();
        all();
        PolderEvents.listen(null);
    }

    @Override
    public void scopeLeaked(String thread, String scopes) {
        add("leaked " + thread + ": " + scopes);
    }

    @Override
    public void tokenCrossed(String thread, String what) {
        add("crossed " + thread + ": " + what);
    }

    @Override
    public void scopeOpenTooLong(String thread, String scope, long seconds) {
        add("open " + thread + ": " + scope + " " + seconds);
    }

    @Override
    public void wrongSetting(String what) {
        add("setting " + what);
    }

    @Override
    public void trouble(String pool, String what, @Nullable Throwable thrown) {
        add("trouble " + what);
    }

    private synchronized void add(String event) {
        heard.add(event);
        notifyAll();
    }

    private synchronized void forget() {
        heard.clear();
    }

    private synchronized List<String> copy() {
        return new ArrayList<>(heard);
    }

    /// Everything reported so far.
    public List<String> all() throws InterruptedException {
        assertThat(PolderEvents.awaitDelivered(Threads.PATIENCE_SECONDS, TimeUnit.SECONDS))
                .isTrue();
        return copy();
    }

    /// Waits until an event with this text is reported.
    public synchronized boolean await(String text, long seconds) throws InterruptedException {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        while (heard.stream().noneMatch(event -> event.contains(text))) {
            long millis = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
            if (millis <= 0) {
                return false;
            }
            wait(millis);
        }
        return true;
    }
}
