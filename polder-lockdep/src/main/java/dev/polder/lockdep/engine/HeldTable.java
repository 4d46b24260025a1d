package dev.polder.lockdep.engine;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.Arrays;

/// Finds a thread's held locks without a thread-local look-up, the way `dev.polder.task.Task` does:
/// an owner-checked table in front of a ThreadLocal. A slot keeps its first owner while that lives;
/// virtual threads look but never write.
final class HeldTable {
    private static final int SLOTS = 1024;

    /// Spreads ids that were given out one after the other (2^32 divided by the golden ratio).
    private static final int SPREAD = 0x9E3779B9;

    private static final int SECOND_WAY_SHIFT = 22;

    // Constant handles are plain calls to the compiler.
    private static final MethodHandle THREAD_ID = threadId();
    private static final MethodHandle IS_VIRTUAL = isVirtual();

    private final HeldLocks[] table = new HeldLocks[SLOTS];

    @SuppressWarnings("ThreadLocalUsage") // one per checker: tests have many, a program one
    private final ThreadLocal<HeldLocks> local = new ThreadLocal<>();

    HeldTable() {
        Arrays.fill(table, new HeldLocks(null));
    }

    /// The current thread's. Small, because the compiler joins small methods to any caller.
    HeldLocks current() {
        Thread me = Thread.currentThread();
        HeldLocks h = table[id(me) & SLOTS - 1];
        return h.refersTo(me) ? h : second();
    }

    private HeldLocks second() {
        Thread me = Thread.currentThread();
        HeldLocks h = table[(id(me) * SPREAD) >>> SECOND_WAY_SHIFT];
        return h.refersTo(me) ? h : slow(me);
    }

    /// Only finds the slot, whose owner is compared: before Java 19 a program may override it.
    private static int id(Thread t) {
        try {
            return (int) (long) THREAD_ID.invokeExact(t);
        } catch (Throwable fromTheProgram) {
            return 0;
        }
    }

    private HeldLocks slow(Thread me) {
        HeldLocks mine = local.get();
        if (mine == null) {
            mine = new HeldLocks(me);
            local.set(mine);
        }
        if (!virtual(me) && !settle(mine, id(me) & SLOTS - 1)) {
            settle(mine, (id(me) * SPREAD) >>> SECOND_WAY_SHIFT);
        }
        return mine;
    }

    private synchronized boolean settle(HeldLocks mine, int slot) {
        if (!table[slot].ended()) {
            return false;
        }
        table[slot] = mine;
        return true;
    }

    private static boolean virtual(Thread t) {
        try {
            return (boolean) IS_VIRTUAL.invokeExact(t);
        } catch (Throwable impossible) {
            return true; // then the table is not used, which is always right
        }
    }

    private static MethodHandle threadId() {
        MethodHandles.Lookup lookup = MethodHandles.publicLookup();
        MethodType type = MethodType.methodType(long.class);
        try {
            return lookup.findVirtual(Thread.class, "threadId", type);
        } catch (NoSuchMethodException | IllegalAccessException beforeJava19) {
            return getId(lookup, type);
        }
    }

    private static MethodHandle getId(MethodHandles.Lookup lookup, MethodType type) {
        try {
            return lookup.findVirtual(Thread.class, "getId", type);
        } catch (NoSuchMethodException | IllegalAccessException e) {
            throw new IllegalStateException("a thread without an id", e);
        }
    }

    private static MethodHandle isVirtual() {
        MethodType type = MethodType.methodType(boolean.class);
        try {
            return MethodHandles.publicLookup().findVirtual(Thread.class, "isVirtual", type);
        } catch (NoSuchMethodException | IllegalAccessException beforeJava21) {
            return MethodHandles.dropArguments(
                    MethodHandles.constant(boolean.class, false), 0, Thread.class);
        }
    }
}
