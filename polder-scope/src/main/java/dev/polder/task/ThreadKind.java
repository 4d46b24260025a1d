package dev.polder.task;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import org.jspecify.annotations.Nullable;

/// The two questions about a thread that Java 17 cannot ask by name: its final id, and whether it
/// is virtual.
///
/// Both are constant method handles, resolved once: a compiler folds a constant handle into a plain
/// call, and the same class file works on 17 and later, also from a directory of classes (a
/// multi-release class is seen only inside a jar).
final class ThreadKind {
    private static final MethodHandle THREAD_ID = find("threadId", "getId", long.class);
    private static final MethodHandle IS_VIRTUAL = find("isVirtual", null, boolean.class);

    private ThreadKind() {}

    /// The thread's id; ids of platform and virtual threads come from one counter.
    static long id(Thread thread) {
        try {
            return (long) THREAD_ID.invokeExact(thread);
        } catch (Throwable impossible) {
            throw new AssertionError(impossible);
        }
    }

    /// Whether the thread is virtual; always false before Java 21.
    static boolean isVirtual(Thread thread) {
        try {
            return (boolean) IS_VIRTUAL.invokeExact(thread);
        } catch (Throwable impossible) {
            throw new AssertionError(impossible);
        }
    }

    private static MethodHandle find(String name, @Nullable String older, Class<?> result) {
        MethodHandles.Lookup lookup = MethodHandles.publicLookup();
        MethodType type = MethodType.methodType(result);
        try {
            return lookup.findVirtual(Thread.class, name, type);
        } catch (NoSuchMethodException | IllegalAccessException notOnThisJdk) {
            if (older != null) {
                return find(older, null, result);
            }
            return MethodHandles.dropArguments(
                    MethodHandles.constant(boolean.class, false), 0, Thread.class);
        }
    }
}
