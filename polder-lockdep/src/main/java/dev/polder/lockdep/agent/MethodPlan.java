package dev.polder.lockdep.agent;

import dev.polder.lockdep.engine.Sites;
import dev.polder.lockdep.rules.Rule;
import java.lang.classfile.ClassModel;
import java.lang.classfile.CodeElement;
import java.lang.classfile.CodeModel;
import java.lang.classfile.Instruction;
import java.lang.classfile.MethodModel;
import java.lang.classfile.Opcode;
import java.lang.classfile.attribute.StackMapTableAttribute;
import java.lang.classfile.instruction.DiscontinuedInstruction;
import java.lang.classfile.instruction.FieldInstruction;
import java.lang.classfile.instruction.InvokeInstruction;
import java.lang.classfile.instruction.LineNumber;
import java.lang.classfile.instruction.MonitorInstruction;
import java.lang.classfile.instruction.NewObjectInstruction;
import java.lang.classfile.instruction.StoreInstruction;
import java.lang.constant.ClassDesc;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// What is to be done to one method: found in a first walk over its code, which also sees what
/// comes before and after an instruction.
final class MethodPlan {
    /// The lock classes of the JDK whose creation is noted.
    static final Set<String> CREATED = Set.of(
            "java/util/concurrent/locks/ReentrantLock",
            "java/util/concurrent/locks/ReentrantReadWriteLock",
            "java/util/concurrent/locks/StampedLock");

    private final Sites sites;
    private final ClassDesc owner;
    private final int version;
    private final String className;
    private final String methodName;
    private final List<Rule> rules;
    private final @Nullable StackMapTableAttribute frames;
    private MonitorBlocks monitors;
    private boolean monitorOfMethod;
    private boolean passesMonitor;
    private boolean isStatic;
    private int methodSite;

    /// What happens at the i-th element of the code; null for nothing.
    private final List<@Nullable Action> actions = new ArrayList<>();
    private boolean any;
    private boolean usesHeld;

    // The walk's state.
    private int line;
    private int ordinal;
    private String lastField = "";
    private final Deque<String> pendingNews = new ArrayDeque<>();
    private final Map<Integer, Integer> enteredBySlot = new HashMap<>();

    /// @param kind what to do
    /// @param site where; of a monitor that is left where it was entered, 0 when that is unknown
    /// @param slot the local variable that has the monitor that was left; -1 for other kinds
    record Action(Kind kind, int site, int slot) {
        Action(Kind kind, int site) {
            this(kind, site, -1);
        }
    }

    enum Kind { MONITOR_ENTER, MONITOR_PASS, MONITOR_EXIT, MONITOR_LEFT, CALL, CREATED }

    MethodPlan(Sites sites, ClassDesc owner, int version, MethodModel method, List<Rule> rules,
            @Nullable StackMapTableAttribute frames) {
        this.sites = sites;
        this.owner = owner;
        this.version = version;
        this.className = Names.binary(owner);
        this.methodName = method.methodName().stringValue();
        this.rules = rules;
        this.frames = frames;
        this.monitors = new MonitorBlocks(owner, List.of());
    }

    boolean isEmpty() {
        return !any && !monitorOfMethod && rules.isEmpty();
    }

    ClassDesc owner() {
        return owner;
    }

    int version() {
        return version;
    }

    List<Rule> rules() {
        return rules;
    }

    @Nullable StackMapTableAttribute frames() {
        return frames;
    }

    /// Whether hooks of the method hand the thread's state on.
    boolean usesHeld() {
        return usesHeld || monitorOfMethod;
    }

    /// Whether the method's own monitor is to be watched.
    boolean monitorOfMethod() {
        return monitorOfMethod;
    }

    /// Whether nothing can be taken or asked for while the method's own monitor is held.
    boolean passesMonitor() {
        return passesMonitor;
    }

    boolean isStatic() {
        return isStatic;
    }

    int methodSite() {
        return methodSite;
    }

    @Nullable Action action(int index) {
        return actions.get(index);
    }

    /// Whether any method has a subroutine, the old form of `finally`.
    static boolean hasSubroutine(ClassModel model) {
        for (MethodModel m : model.methods()) {
            CodeModel code = m.code().orElse(null);
            if (code != null) {
                for (CodeElement e : code) {
                    if (e instanceof DiscontinuedInstruction) {
                        return true;
                    }
                }
            }
        }
        return false;
    }

    void look(CodeModel code, String superclass, boolean guarded, boolean inStatic) {
        isStatic = inStatic;
        boolean thisReplaced = false;
        List<CodeElement> elements = code.elementList();
        monitors = new MonitorBlocks(owner, elements);
        for (int i = 0; i < elements.size(); i++) {
            CodeElement e = elements.get(i);
            Action action = null;
            if (e instanceof LineNumber l) {
                line = l.line();
            } else if (e instanceof Instruction instruction) {
                if (guarded && methodSite == 0) {
                    methodSite = site("");
                }
                action = look(instruction, elements, i, superclass);
                if (action == null) {
                    action = left(i);
                }
                thisReplaced |= e instanceof StoreInstruction s && s.slot() == 0;
            }
            actions.add(action);
            any |= action != null;
        }
        // The handler must find `this` where it was; no compiler puts something else there.
        monitorOfMethod = guarded && (inStatic || !thisReplaced);
        passesMonitor = monitorOfMethod && MonitorBlocks.isQuiet(owner, elements);
    }

    private @Nullable Action look(
            Instruction e, List<CodeElement> elements, int i, String superclass) {
        String field = lastField;
        if (!(e instanceof StoreInstruction) && e.opcode() != Opcode.DUP) {
            lastField = "";
        }
        return switch (e) {
            case FieldInstruction f -> {
                boolean read = f.opcode() == Opcode.GETFIELD || f.opcode() == Opcode.GETSTATIC;
                lastField = read ? Names.field(f) : "";
                yield null;
            }
            case MonitorInstruction m -> monitor(m, i, field);
            case NewObjectInstruction n -> {
                boolean dup = i + 1 < elements.size()
                        && elements.get(i + 1) instanceof Instruction next
                        && next.opcode() == Opcode.DUP;
                pendingNews.push(dup ? n.className().asInternalName() : "");
                yield null;
            }
            case InvokeInstruction call when call.name().equalsString("<init>") ->
                    created(call, elements, i, superclass);
            case InvokeInstruction call -> {
                LockCall what = LockCall.of(call);
                usesHeld |= what != null && what.usesHeld();
                yield what == null ? null : new Action(Kind.CALL, site(field));
            }
            default -> null;
        };
    }

    private @Nullable Action monitor(MonitorInstruction m, int i, String field) {
        usesHeld = true;
        int slot = monitors.slot(i);
        if (m.opcode() == Opcode.MONITORENTER) {
            int site = site(field);
            enteredBySlot.put(slot, site);
            return new Action(monitors.isQuiet(i) ? Kind.MONITOR_PASS : Kind.MONITOR_ENTER, site);
        }
        return monitors.isQuiet(i) || monitors.isLeftLater(i) ? null
                : new Action(Kind.MONITOR_EXIT, entered(slot));
    }

    /// What is still to do for a monitor that was given back before this instruction.
    private @Nullable Action left(int i) {
        int slot = monitors.leftBefore(i);
        return slot < 0 ? null : new Action(Kind.MONITOR_LEFT, entered(slot), slot);
    }

    private int entered(int slot) {
        return slot < 0 ? 0 : enteredBySlot.getOrDefault(slot, 0);
    }

    /// The constructor's call of a lock that `new` made: afterwards a reference to it is on the
    /// stack.
    private @Nullable Action created(
            InvokeInstruction call, List<CodeElement> elements, int i, String superclass) {
        String type = call.owner().asInternalName();
        boolean own = methodName.equals("<init>") && pendingNews.isEmpty()
                && (type.equals(superclass) || type.equals(Names.internal(owner)));
        if (own || pendingNews.isEmpty()) {
            return null;
        }
        String made = pendingNews.pop();
        if (!made.equals(type) || !CREATED.contains(type)) {
            return null;
        }
        String into = "";
        if (i + 1 < elements.size() && elements.get(i + 1) instanceof FieldInstruction f
                && (f.opcode() == Opcode.PUTFIELD || f.opcode() == Opcode.PUTSTATIC)) {
            into = Names.field(f);
        }
        return new Action(Kind.CREATED, site(into));
    }

    private int site(String field) {
        return sites.add(new Sites.Site(className, methodName, line, field, ordinal++));
    }
}
