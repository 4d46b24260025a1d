package dev.polder.gfp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Proxy;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class PolderEventsTest {
    private static final PolderEvents REPORTER = PolderEvents.reporter();

    @AfterEach
    void backToTheDefault() throws Exception {
        delivered();
        PolderEvents.listen(null);
    }

    private static void delivered() throws InterruptedException {
        assertThat(PolderEvents.awaitDelivered(Threads.PATIENCE_SECONDS, TimeUnit.SECONDS))
                .isTrue();
    }

    private static Object sample(Class<?> type) {
        if (type == String.class) {
            return "text";
        } else if (type == Thread.class) {
            return Thread.currentThread();
        } else if (type == Throwable.class) {
            return new IllegalStateException("thrown");
        } else if (type == int.class) {
            return Gfp.KERNEL;
        } else if (type == long.class) {
            return 5L;
        } else if (type == boolean.class) {
            return true;
        }
        return ScopeSite.of("sample");
    }

    /// Every kind that the interface has, also those that are added later.
    @Test
    void everyKindIsHandedOverWithItsArguments() throws Exception {
        List<String> heard = new CopyOnWriteArrayList<>();
        PolderEvents listener = (PolderEvents) Proxy.newProxyInstance(
                PolderEvents.class.getClassLoader(), new Class<?>[] {PolderEvents.class},
                (proxy, method, args) -> {
                    heard.add(method.getName() + List.of(args) + Thread.currentThread().getName());
                    return null;
                });
        PolderEvents.listen(listener);
        int kinds = 0;
        for (Method kind : PolderEvents.class.getMethods()) {
            if (!Modifier.isStatic(kind.getModifiers())) {
                Object[] args = new Object[kind.getParameterCount()];
                for (int i = 0; i < args.length; i++) {
                    args[i] = sample(kind.getParameterTypes()[i]);
                }
                kind.invoke(REPORTER, args);
                delivered();
                assertThat(heard).hasSize(++kinds);
                assertThat(heard.get(kinds - 1))
                        .isEqualTo(kind.getName() + List.of(args) + "polder-events");
            }
        }
        assertThat(kinds).isGreaterThanOrEqualTo(10);
    }

    @Test
    void everyDefaultWritesALineWithWhatMatters() throws Exception {
        Map<String, String> lines = new HashMap<>();
        try (Lines written = new Lines()) {
            PolderEvents defaults = new PolderEvents() {};
            for (Method kind : PolderEvents.class.getMethods()) {
                if (!Modifier.isStatic(kind.getModifiers())) {
                    Object[] args = new Object[kind.getParameterCount()];
                    for (int i = 0; i < args.length; i++) {
                        args[i] = sample(kind.getParameterTypes()[i]);
                    }
                    kind.invoke(defaults, args);
                    kind.invoke(defaults, args);
                    assertThat(written.lines).as("%s twice", kind)
                            .hasSize(kindOf(kind).limited ? 1 : 2);
                    lines.put(kind.getName(), written.lines.get(0));
                    written.lines.clear();
                }
            }
        }
        assertThat(lines.get("stall")).contains("text", "main", "5 ms", "GFP_KERNEL", "'sample'");
        assertThat(lines.get("shrinkerThrew")).contains("thrown", "quarantined");
        assertThat(lines.get("scopeLeaked")).contains("thread text ended", "inside text");
        assertThat(lines.get("trouble")).contains("pool text: text", "thrown");
        assertThat(lines.get("leftAllocated")).isEqualTo("pool text: text");
        assertThat(lines.get("corruption")).isEqualTo("pool text: text");
    }

    private static EventLog.Kind kindOf(Method method) {
        return EventLog.Kind.valueOf(
                method.getName().replaceAll("([A-Z])", "_$1").toUpperCase(Locale.ROOT));
    }

    /// What is logged while it is open, instead of on the console.
    private static final class Lines extends Handler implements AutoCloseable {
        private final Logger logger = Logger.getLogger("dev.polder");
        private final List<String> lines = new CopyOnWriteArrayList<>();

        Lines() {
            logger.setUseParentHandlers(false);
            logger.addHandler(this);
            EventLog.forgetAll();
        }

        @Override
        public void publish(LogRecord line) {
            lines.add(line.getMessage());
        }

        @Override
        public void flush() {}

        @Override
        public void close() {
            logger.removeHandler(this);
            logger.setUseParentHandlers(true);
            EventLog.forgetAll();
        }
    }

    @Test
    void whatAClosedPoolLeftIsDeliveredBeforeTheCallReturns() {
        List<String> heard = new CopyOnWriteArrayList<>();
        PolderEvents.listen(new PolderEvents() {
            @Override
            public void leftAllocated(String pool, String what) {
                heard.add(pool + what + Thread.currentThread().getName());
            }
        });
        Thread.currentThread().interrupt();
        REPORTER.leftAllocated("p", " left on ");
        assertThat(heard).containsExactly("p left on polder-events");
        assertThat(Thread.interrupted()).as("kept").isTrue();
    }

    @Test
    void whatAClosedPoolLeftIsLoggedWhereTheListenerHangs() throws Exception {
        EventQueue queue = new EventQueue();
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        List<String> heard = new CopyOnWriteArrayList<>();
        queue.listen(new PolderEvents() {
            @Override
            public void tokenCrossed(String thread, String what) {
                begun.countDown();
                await(goOn);
            }

            @Override
            public void leftAllocated(String pool, String what) {
                heard.add(what);
            }
        });
        for (int i = 0; i < 2 * EventQueue.CAPACITY; i++) {
            queue.offer(to -> to.tokenCrossed("t", "hangs"));
        }
        await(begun);
        try (Lines written = new Lines()) {
            queue.deliver(to -> to.leftAllocated("p", "left"), 1);
            assertThat(written.lines).containsExactly("pool p: left");
        }
        goOn.countDown();
        assertThat(queue.awaitDelivered(TimeUnit.SECONDS.toNanos(Threads.PATIENCE_SECONDS)))
                .isTrue();
        assertThat(heard).as("told once").isEmpty();
    }

    @Test
    void aFullQueueDropsNothingOfAClosedPool() throws Exception {
        EventQueue queue = new EventQueue();
        CountDownLatch goOn = new CountDownLatch(1);
        List<String> heard = new CopyOnWriteArrayList<>();
        queue.listen(new PolderEvents() {
            @Override
            public void tokenCrossed(String thread, String what) {
                await(goOn);
            }

            @Override
            public void leftAllocated(String pool, String what) {
                heard.add(what);
            }
        });
        for (int i = 0; i < 2 * EventQueue.CAPACITY; i++) {
            queue.offer(to -> to.tokenCrossed("t", "slow"));
        }
        assertThat(queue.dropped()).isPositive();
        Thread closer = new Thread(() -> queue.deliver(to -> to.leftAllocated("p", "left"),
                TimeUnit.SECONDS.toNanos(Threads.PATIENCE_SECONDS)));
        closer.start();
        goOn.countDown();
        Threads.end(closer);
        assertThat(heard).containsExactly("left");
    }

    @Test
    void aListenerMayItselfCloseAPoolAndDoesNotWaitForItself() throws Exception {
        List<String> heard = new CopyOnWriteArrayList<>();
        PolderEvents.listen(new PolderEvents() {
            @Override
            public void tokenCrossed(String thread, String what) {
                REPORTER.leftAllocated("p", "inside");
                try {
                    heard.add("delivered " + PolderEvents.awaitDelivered(1, TimeUnit.DAYS));
                } catch (InterruptedException e) {
                    throw new AssertionError(e);
                }
            }

            @Override
            public void leftAllocated(String pool, String what) {
                heard.add(what);
            }
        });
        REPORTER.tokenCrossed("t", "closes");
        delivered();
        assertThat(heard).containsExactly("inside", "delivered false");
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void aThrowingListenerHearsTheNextEventToo() throws Exception {
        AtomicReference<String> heard = new AtomicReference<>();
        Logger.getLogger("dev.polder").setLevel(Level.OFF); // it says that the listener threw
        PolderEvents.listen(new PolderEvents() {
            @Override
            public void scopeLeaked(String thread, String scopes) {
                if (scopes.equals("first")) {
                    throw new IllegalStateException("a listener that throws");
                }
                heard.set(scopes);
            }
        });
        REPORTER.scopeLeaked("t", "first");
        REPORTER.scopeLeaked("t", "second");
        delivered();
        assertThat(heard).hasValue("second");
        Logger.getLogger("dev.polder").setLevel(null);
    }

    @Test
    void aSlowListenerLosesTheNewestAndHoldsUpNobody() throws Exception {
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        List<String> heard = new CopyOnWriteArrayList<>();
        PolderEvents.listen(new PolderEvents() {
            @Override
            public void tokenCrossed(String thread, String what) {
                heard.add(what);
                begun.countDown();
                try {
                    goOn.await();
                } catch (InterruptedException e) {
                    throw new AssertionError(e);
                }
            }
        });
        long before = PolderEvents.dropped();
        REPORTER.tokenCrossed("t", "0");
        begun.await();
        for (int i = 1; i <= EventQueue.CAPACITY + 50; i++) {
            REPORTER.tokenCrossed("t", String.valueOf(i));
        }
        assertThat(PolderEvents.dropped() - before).isEqualTo(50);
        assertThat(PolderEvents.awaitDelivered(1, TimeUnit.MILLISECONDS)).isFalse();
        goOn.countDown();
        delivered();
        assertThat(heard).hasSize(EventQueue.CAPACITY + 1)
                .startsWith("0", "1").endsWith(String.valueOf(EventQueue.CAPACITY));
    }

    @Test
    void listenGivesTheListenerBefore() {
        PolderEvents mine = new PolderEvents() {};
        assertThat(PolderEvents.listen(mine)).isNull();
        assertThat(PolderEvents.listen(null)).isSameAs(mine);
    }

    @Test
    void theReporterCannotListen() {
        assertThatThrownBy(() -> PolderEvents.listen(REPORTER))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
