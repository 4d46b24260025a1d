package dev.polder.lockdep.engine;

import java.util.ArrayList;
import java.util.List;

/// What methods call that a rule names: at their begin, and at every end.
public final class RuleHooks {
    private static final List<LockClass> NAMED = new ArrayList<>();
    private static volatile LockClass[] named = {};

    private static final Lockdep.Exclusions NONE = domain -> false;

    private RuleHooks() {}

    /// The number under which instrumented code names a wait.
    public static int number(String name) {
        String memory = "memory of ";
        LockClass c = name.startsWith(memory)
                ? Hooks.ENGINE.memory(name.substring(memory.length()))
                : Hooks.ENGINE.named(name);
        synchronized (NAMED) {
            int known = NAMED.indexOf(c);
            if (known >= 0) {
                return known;
            }
            NAMED.add(c);
            named = NAMED.toArray(new LockClass[0]);
            return NAMED.size() - 1;
        }
    }

    /// A method that allocates begins: what is held now is what the allocating code holds.
    public static void allocEnter(int bits) {
        try {
            Hooks.ENGINE.foreignAllocEnter(bits, NONE);
        } catch (Throwable t) {
            Hooks.failed(t);
        }
    }

    /// It ends.
    public static void allocExit() {
        try {
            Hooks.ENGINE.foreignAllocExit();
        } catch (Throwable t) {
            Hooks.failed(t);
        }
    }

    /// A callback of reclaim begins.
    public static void reclaimEnter(int bits) {
        try {
            Hooks.ENGINE.reclaimEnter(bits);
        } catch (Throwable t) {
            Hooks.failed(t);
        }
    }

    /// It ends.
    public static void reclaimExit(int bits) {
        try {
            Hooks.ENGINE.reclaimLeave(bits);
        } catch (Throwable t) {
            Hooks.failed(t);
        }
    }

    /// A method that waits begins.
    public static void waitFor(int number) {
        try {
            Hooks.ENGINE.waitFor(named[number]);
        } catch (Throwable t) {
            Hooks.failed(t);
        }
    }

    /// Others may wait for what this thread does from here on.
    public static void owes(int number) {
        try {
            Hooks.ENGINE.owes(named[number]);
        } catch (Throwable t) {
            Hooks.failed(t);
        }
    }

    /// Nobody has to wait for it any more.
    public static void settled(int number) {
        try {
            Hooks.ENGINE.settled(named[number]);
        } catch (Throwable t) {
            Hooks.failed(t);
        }
    }

    /// A method that is to be ignored begins.
    public static void ignoreEnter() {
        Hooks.ENGINE.held().ignored(1);
    }

    /// It ends.
    public static void ignoreExit() {
        Hooks.ENGINE.held().ignored(-1);
    }
}
