package dev.polder.lockdep.agent;

import dev.polder.lockdep.rules.Rule;
import java.lang.classfile.CodeBuilder;
import java.lang.classfile.CodeElement;
import java.lang.classfile.CodeTransform;
import java.lang.classfile.Instruction;
import java.lang.classfile.Label;
import java.lang.classfile.Opcode;
import java.lang.classfile.TypeKind;
import java.lang.classfile.attribute.StackMapFrameInfo;
import java.lang.classfile.attribute.StackMapFrameInfo.ObjectVerificationTypeInfo;
import java.lang.classfile.attribute.StackMapFrameInfo.SimpleVerificationTypeInfo;
import java.lang.classfile.attribute.StackMapFrameInfo.VerificationTypeInfo;
import java.lang.classfile.attribute.StackMapTableAttribute;
import java.lang.classfile.instruction.InvokeInstruction;
import java.lang.classfile.instruction.ReturnInstruction;
import java.lang.constant.ClassDesc;
import java.lang.constant.ConstantDescs;
import java.lang.constant.MethodTypeDesc;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Carries out a plan while the method's code is copied. For one method.
final class MethodWeaver implements CodeTransform {
    private static final ClassDesc HOOKS = ClassDesc.of("dev.polder.lockdep.engine.Hooks");
    private static final ClassDesc STAMPED_HOOKS =
            ClassDesc.of("dev.polder.lockdep.engine.StampedHooks");
    private static final ClassDesc RULE_HOOKS =
            ClassDesc.of("dev.polder.lockdep.engine.RuleHooks");
    private static final ClassDesc OBJECT = ConstantDescs.CD_Object;
    private static final ClassDesc HELD = ClassDesc.of("dev.polder.lockdep.engine.HeldLocks");
    private static final MethodTypeDesc OBJECT_SITE = type(OBJECT, ConstantDescs.CD_int);
    private static final MethodTypeDesc OBJECT_SITE_HELD =
            MethodTypeDesc.of(HELD, OBJECT, ConstantDescs.CD_int, HELD);
    private static final MethodTypeDesc OBJECT_SITE_GIVING =
            type(OBJECT, ConstantDescs.CD_int, HELD);
    private static final MethodTypeDesc INT = type(ConstantDescs.CD_int);

    private final MethodPlan plan;
    private final boolean wrapped;

    /// Whether the end of the method gives a monitor back that the begin took.
    private final boolean leaves;
    private int index;
    private @Nullable Label start;

    /// The local variable that keeps the thread's state between the hooks; -1 when none needs it.
    private int held = -1;

    MethodWeaver(MethodPlan plan) {
        this.plan = plan;
        boolean exits = false;
        for (Rule r : plan.rules()) {
            exits |= RuleAt.of(r).hasExit();
        }
        this.leaves = plan.monitorOfMethod() && !plan.passesMonitor();
        this.wrapped = leaves || exits;
    }

    private static MethodTypeDesc type(ClassDesc... parameters) {
        return MethodTypeDesc.of(ConstantDescs.CD_void, parameters);
    }

    @Override
    public void atStart(CodeBuilder code) {
        for (Rule r : plan.rules()) {
            RuleAt.of(r).enter(code, r);
        }
        if (plan.usesHeld()) {
            held = code.allocateLocal(TypeKind.REFERENCE);
            if (plan.monitorOfMethod()) {
                monitor(code);
                code.loadConstant(plan.methodSite());
                code.invokestatic(HOOKS, leaves ? "methodEnter" : "methodPass",
                        MethodTypeDesc.of(HELD, OBJECT, ConstantDescs.CD_int));
            } else {
                code.aconst_null();
            }
            code.astore(held);
        }
        if (wrapped) {
            start = code.newBoundLabel();
        }
    }

    @Override
    public void accept(CodeBuilder code, CodeElement element) {
        MethodPlan.Action action = plan.action(index++);
        if (element instanceof ReturnInstruction) {
            leave(code, false);
        }
        if (action == null) {
            if (!(element instanceof StackMapTableAttribute)) {
                code.with(element);
            }
            return;
        }
        Instruction instruction = (Instruction) element;
        switch (action.kind()) {
            case MONITOR_ENTER, MONITOR_PASS -> {
                code.dup();
                taking(code, action.kind() == MethodPlan.Kind.MONITOR_ENTER
                        ? "monitorEnter" : "monitorPass", action.site());
                code.with(instruction);
            }
            case MONITOR_EXIT -> {
                code.dup();
                giving(code, "monitorExit", action.site());
                code.with(instruction);
            }
            case MONITOR_LEFT -> {
                code.aload(action.slot());
                giving(code, "monitorExit", action.site());
                code.with(instruction);
            }
            case CREATED -> {
                code.with(instruction);
                code.dup();
                code.loadConstant(action.site());
                code.invokestatic(HOOKS, "created", OBJECT_SITE);
            }
            case CALL -> call(code, (InvokeInstruction) instruction, action.site());
        }
    }

    private void call(CodeBuilder code, InvokeInstruction call, int site) {
        LockCall what = LockCall.of(call);
        if (what == null) {
            throw new IllegalStateException("planned as a lock's call: " + call);
        }
        switch (what) {
            case LOCK_JDK -> {
                code.dup();
                taking(code, "lock", site);
                code.with(call);
            }
            case LOCK -> {
                code.dup();
                code.dup();
                taking(code, "lockBefore", site);
                code.with(call);
                taking(code, "lockAfter", site);
            }
            case LOCK_INTERRUPTIBLY -> {
                code.dup();
                onReceiver(code, "want", site);
                code.with(call);
                code.loadConstant(site);
                code.invokestatic(HOOKS, "got", OBJECT_SITE);
            }
            case UNLOCK -> {
                code.dup();
                giving(code, "unlock", site);
                code.with(call);
            }
            case TRY_LOCK -> {
                code.dup();
                code.with(call);
                tried(code, site);
            }
            case TRY_LOCK_TIMED -> {
                int unit = code.allocateLocal(TypeKind.REFERENCE);
                int time = code.allocateLocal(TypeKind.LONG);
                code.astore(unit).lstore(time).dup().lload(time).aload(unit);
                code.with(call);
                tried(code, site);
            }
            case READ_VIEW, WRITE_VIEW -> {
                code.dup();
                code.with(call);
                code.dup_x1();
                code.loadConstant(what == LockCall.READ_VIEW ? 1 : 0);
                code.loadConstant(site);
                code.invokestatic(HOOKS, "view",
                        type(OBJECT, OBJECT, ConstantDescs.CD_boolean, ConstantDescs.CD_int));
            }
            case NEW_CONDITION -> {
                code.dup();
                code.with(call);
                code.dup_x1();
                code.loadConstant(site);
                code.invokestatic(HOOKS, "condition", type(OBJECT, OBJECT, ConstantDescs.CD_int));
            }
            case AWAIT -> instead(code, call, HOOKS, ClassDesc.ofDescriptor(
                    "L" + LockCall.CONDITION + ";"), call.name().stringValue(), site);
            case OBJECT_WAIT -> instead(code, call, HOOKS, OBJECT, "objectWait", site);
            case STAMPED -> instead(code, call, STAMPED_HOOKS, ClassDesc.ofDescriptor(
                    "L" + LockCall.STAMPED_LOCK + ";"), call.name().stringValue(), site);
        }
    }

    private static void onReceiver(CodeBuilder code, String hook, int site) {
        code.dup();
        code.loadConstant(site);
        code.invokestatic(HOOKS, hook, OBJECT_SITE);
    }

    /// Stack: the lock.
    private void taking(CodeBuilder code, String hook, int site) {
        code.loadConstant(site);
        code.aload(held);
        code.invokestatic(HOOKS, hook, OBJECT_SITE_HELD);
        code.astore(held);
    }

    /// Stack: the lock.
    private void giving(CodeBuilder code, String hook, int site) {
        code.loadConstant(site);
        code.aload(held);
        code.invokestatic(HOOKS, hook, OBJECT_SITE_GIVING);
    }

    /// Stack: the lock, and whether it was got.
    private static void tried(CodeBuilder code, int site) {
        code.dup_x1();
        code.loadConstant(site);
        code.invokestatic(HOOKS, "tried",
                type(OBJECT, ConstantDescs.CD_boolean, ConstantDescs.CD_int));
    }

    private static void instead(CodeBuilder code, InvokeInstruction call, ClassDesc hooks,
            ClassDesc receiver, String name, int site) {
        MethodTypeDesc type = call.typeSymbol().insertParameterTypes(0, receiver);
        type = type.insertParameterTypes(type.parameterCount(), ConstantDescs.CD_int);
        code.loadConstant(site);
        code.invokestatic(hooks, name, type);
    }

    private void monitor(CodeBuilder code) {
        if (plan.isStatic()) {
            code.loadConstant(plan.owner());
        } else {
            code.aload(0);
        }
    }

    /// What every end of the method does, in reverse order of its begin.
    private void leave(CodeBuilder code, boolean thrown) {
        if (leaves) {
            monitor(code);
            giving(code, "monitorExit", plan.methodSite());
        }
        for (int i = plan.rules().size() - 1; i >= 0; i--) {
            Rule r = plan.rules().get(i);
            RuleAt.of(r).leave(code, r, thrown);
        }
    }

    @Override
    public void atEnd(CodeBuilder code) {
        List<StackMapFrameInfo> frames = new ArrayList<>();
        StackMapTableAttribute old = plan.frames();
        if (old != null) {
            for (StackMapFrameInfo f : old.entries()) {
                frames.add(held < 0 ? f
                        : StackMapFrameInfo.of(f.target(), withHeld(f.locals()), f.stack()));
            }
        }
        if (wrapped && start != null) {
            Label handler = code.newLabel();
            Label end = code.newBoundLabel();
            code.labelBinding(handler);
            code.exceptionCatchAll(start, end, handler);
            leave(code, true);
            code.athrow();
            List<VerificationTypeInfo> locals =
                    leaves && !plan.isStatic()
                            ? List.of(ObjectVerificationTypeInfo.of(plan.owner()))
                            : List.of();
            frames.add(StackMapFrameInfo.of(handler, withHeld(locals), List.of(
                    ObjectVerificationTypeInfo.of(ConstantDescs.CD_Throwable))));
        }
        if (!frames.isEmpty() && plan.version() >= 50) {
            code.with(StackMapTableAttribute.of(frames));
        }
    }

    /// The locals of a frame, and after them the one that keeps the thread's state: it is set
    /// before the first instruction of the method, so it is there in every frame.
    private List<VerificationTypeInfo> withHeld(List<VerificationTypeInfo> locals) {
        if (held < 0) {
            return locals;
        }
        List<VerificationTypeInfo> all = new ArrayList<>(locals);
        int slots = 0;
        for (VerificationTypeInfo v : locals) {
            boolean two = v == SimpleVerificationTypeInfo.LONG
                    || v == SimpleVerificationTypeInfo.DOUBLE;
            slots += two ? 2 : 1;
        }
        for (; slots < held; slots++) {
            all.add(SimpleVerificationTypeInfo.TOP);
        }
        all.add(ObjectVerificationTypeInfo.of(HELD));
        return all;
    }

    /// What a rule does at the begin and the ends of a method.
    enum RuleAt {
        ALLOC, RECLAIM, WAIT, WAKES, WAKES_BEGIN, WAKES_END, IGNORE, NOTHING;

        static RuleAt of(Rule r) {
            return switch (r.verb()) {
                case ALLOC -> ALLOC;
                case RECLAIM -> RECLAIM;
                case WAIT -> WAIT;
                case WAKES -> r.isEnd() ? WAKES_END : r.until() == null ? WAKES : WAKES_BEGIN;
                case IGNORE -> IGNORE;
                case NEST -> NOTHING;
            };
        }

        boolean hasExit() {
            return this == ALLOC || this == RECLAIM || this == WAKES || this == IGNORE;
        }

        void enter(CodeBuilder code, Rule r) {
            switch (this) {
                case ALLOC -> call(code, "allocEnter", r.level());
                case RECLAIM -> call(code, "reclaimEnter", r.level());
                case WAIT -> call(code, "waitFor", number(r));
                case WAKES -> call(code, "owes", number(r));
                case WAKES_END -> call(code, "settled", number(r));
                case IGNORE -> code.invokestatic(RULE_HOOKS, "ignoreEnter", NOTHING_TYPE);
                case WAKES_BEGIN, NOTHING -> { }
            }
        }

        void leave(CodeBuilder code, Rule r, boolean thrown) {
            switch (this) {
                case ALLOC -> code.invokestatic(RULE_HOOKS, "allocExit", NOTHING_TYPE);
                case RECLAIM -> call(code, "reclaimExit", r.level());
                case WAKES -> call(code, "settled", number(r));
                case IGNORE -> code.invokestatic(RULE_HOOKS, "ignoreExit", NOTHING_TYPE);
                case WAKES_BEGIN -> {
                    if (!thrown) {
                        call(code, "owes", number(r));
                    }
                }
                case WAIT, WAKES_END, NOTHING -> { }
            }
        }

        private static int number(Rule r) {
            return dev.polder.lockdep.engine.RuleHooks.number(r.waitName());
        }

        private static void call(CodeBuilder code, String hook, int argument) {
            code.loadConstant(argument);
            code.invokestatic(RULE_HOOKS, hook, INT);
        }

        private static final MethodTypeDesc NOTHING_TYPE =
                MethodTypeDesc.of(ConstantDescs.CD_void);
    }
}
