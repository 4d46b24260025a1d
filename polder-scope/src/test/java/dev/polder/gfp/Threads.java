package dev.polder.gfp;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Method;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;

/// Runs parts of tests on other threads and brings back what they return or throw.
public final class Threads {
    /// Longer than any of these tests takes; only a broken one waits for it.
    public static final long PATIENCE_SECONDS = 20;

    private Threads() {}

    /// Whether virtual: the kinds of thread that this Java has.
    public static Stream<Boolean> kinds() {
        return Runtime.version().feature() < 21 ? Stream.of(false) : Stream.of(false, true);
    }

    /// Makes a platform or a virtual thread. Skips the test where there are no virtual threads.
    public static Thread make(boolean virtual, Runnable body) {
        if (!virtual) {
            return new Thread(body, "test-platform");
        }
        return virtualFactory().newThread(body);
    }

    /// A factory of virtual threads, by reflection since these tests also run on Java 17.
    public static ThreadFactory virtualFactory() {
        try {
            Object builder = Thread.class.getMethod("ofVirtual").invoke(null);
            Class<?> type = Class.forName("java.lang.Thread$Builder");
            Method named = type.getMethod("name", String.class, long.class);
            Method factory = type.getMethod("factory");
            return (ThreadFactory) factory.invoke(named.invoke(builder, "test-virtual-", 0L));
        } catch (NoSuchMethodException tooOld) {
            Assumptions.abort("no virtual threads on Java " + Runtime.version().feature());
            throw new AssertionError(tooOld);
        } catch (ReflectiveOperationException broken) {
            throw new LinkageError("this Java has virtual threads of another kind", broken);
        }
    }

    /// Runs the body on a new platform thread to its end, and that of the thread.
    public static <T> T on(Callable<T> body) throws Exception {
        return on(false, body);
    }

    /// Runs the body on a new thread to its end, and that of the thread.
    public static <T> T on(boolean virtual, Callable<T> body) throws Exception {
        FutureTask<T> result = new FutureTask<>(body);
        Thread thread = make(virtual, result);
        thread.start();
        T value = result.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
        end(thread);
        return value;
    }

    /// Waits for the thread's end.
    public static void end(Thread thread) throws InterruptedException {
        thread.join(TimeUnit.SECONDS.toMillis(PATIENCE_SECONDS));
        assertThat(thread.isAlive()).as("%s is alive", thread).isFalse();
    }
}
