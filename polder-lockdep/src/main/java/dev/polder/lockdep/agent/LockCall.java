package dev.polder.lockdep.agent;

import java.lang.classfile.Opcode;
import java.lang.classfile.instruction.InvokeInstruction;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The calls that are watched, told by name and descriptor: the owner may be any class that
/// inherits them, so the hooks look at the receiver themselves.
enum LockCall {
    /// `lock()` of a class of the JDK, which cannot fail.
    LOCK_JDK,
    /// `lock()` of whatever else.
    LOCK,
    /// `unlock()` of whatever class.
    UNLOCK,
    LOCK_INTERRUPTIBLY,
    TRY_LOCK,
    TRY_LOCK_TIMED,
    READ_VIEW,
    WRITE_VIEW,
    NEW_CONDITION,
    /// One of `Condition`'s methods that wait: replaced by a static one of the same name.
    AWAIT,
    /// `Object.wait`.
    OBJECT_WAIT,
    /// A method of `StampedLock`: replaced by a static one of the same name.
    STAMPED;

    static final String LOCKS = "java/util/concurrent/locks/";
    static final String STAMPED_LOCK = LOCKS + "StampedLock";
    static final String CONDITION = LOCKS + "Condition";

    private static final Set<String> JDK = Set.of(
            LOCKS + "ReentrantLock",
            LOCKS + "ReentrantReadWriteLock$ReadLock",
            LOCKS + "ReentrantReadWriteLock$WriteLock");

    private static final Set<String> STAMPED_METHODS = Set.of(
            "writeLock", "readLock", "writeLockInterruptibly", "readLockInterruptibly",
            "tryWriteLock", "tryReadLock", "unlockWrite", "unlockRead", "tryUnlockWrite",
            "tryUnlockRead", "tryConvertToWriteLock", "tryConvertToReadLock", "unlock",
            "tryConvertToOptimisticRead");

    private static final Set<String> VIEW_TYPES = Set.of(
            "()L" + LOCKS + "Lock;",
            "()L" + LOCKS + "ReentrantReadWriteLock$ReadLock;",
            "()L" + LOCKS + "ReentrantReadWriteLock$WriteLock;",
            "()L" + LOCKS + "ReadWriteLock;");

    /// Whether its hooks hand the thread's state on.
    boolean usesHeld() {
        return this == LOCK_JDK || this == LOCK || this == UNLOCK;
    }

    static @Nullable LockCall of(InvokeInstruction call) {
        if (call.opcode() == Opcode.INVOKESTATIC) {
            return null;
        }
        String name = call.name().stringValue();
        String type = call.type().stringValue();
        String owner = call.owner().asInternalName();
        if (owner.equals(STAMPED_LOCK) && STAMPED_METHODS.contains(name)) {
            return call.opcode() == Opcode.INVOKEVIRTUAL ? STAMPED : null;
        }
        return switch (name) {
            case "lock" -> !type.equals("()V") ? null : JDK.contains(owner) ? LOCK_JDK : LOCK;
            case "unlock" -> type.equals("()V") ? UNLOCK : null;
            case "lockInterruptibly" -> type.equals("()V") ? LOCK_INTERRUPTIBLY : null;
            case "tryLock" -> switch (type) {
                case "()Z" -> TRY_LOCK;
                case "(JLjava/util/concurrent/TimeUnit;)Z" -> TRY_LOCK_TIMED;
                default -> null;
            };
            case "readLock", "asReadLock" -> VIEW_TYPES.contains(type) ? READ_VIEW : null;
            case "writeLock", "asWriteLock", "asReadWriteLock" ->
                    VIEW_TYPES.contains(type) ? WRITE_VIEW : null;
            case "newCondition" -> type.equals("()L" + CONDITION + ";") ? NEW_CONDITION : null;
            case "await", "awaitNanos", "awaitUninterruptibly", "awaitUntil" ->
                    owner.equals(CONDITION) ? AWAIT : null;
            case "wait" -> switch (type) {
                case "()V", "(J)V", "(JI)V" -> OBJECT_WAIT;
                default -> null;
            };
            default -> null;
        };
    }
}
