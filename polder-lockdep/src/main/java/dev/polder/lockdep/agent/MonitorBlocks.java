package dev.polder.lockdep.agent;

import java.lang.classfile.CodeElement;
import java.lang.classfile.Instruction;
import java.lang.classfile.Label;
import java.lang.classfile.Opcode;
import java.lang.classfile.instruction.BranchInstruction;
import java.lang.classfile.instruction.ConstantInstruction;
import java.lang.classfile.instruction.ExceptionCatch;
import java.lang.classfile.instruction.FieldInstruction;
import java.lang.classfile.instruction.LabelTarget;
import java.lang.classfile.instruction.LoadInstruction;
import java.lang.classfile.instruction.LookupSwitchInstruction;
import java.lang.classfile.instruction.MonitorInstruction;
import java.lang.classfile.instruction.StoreInstruction;
import java.lang.classfile.instruction.SwitchCase;
import java.lang.classfile.instruction.TableSwitchInstruction;
import java.lang.constant.ClassDesc;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// The synchronized blocks of a method, as compilers make them.
///
/// A block is *quiet* when nothing can be taken, asked for or waited for in it: there are loads,
/// stores, arithmetic and branches only. It can be wanted while something is held, and never be
/// what is held while something is wanted; so its end need not be watched, and its begin only if
/// something is held.
final class MonitorBlocks {
    /*
     * The monitor is kept in a local variable, written right before it is entered and read right
     * before it is left:
     *
     *     dup, astore n, monitorenter, ..., aload n, monitorexit, ...,
     *     handler: astore m, aload n, monitorexit, aload m, athrow
     *
     * The block reaches from the first to the last of these before n is used for another block.
     * What has another form is watched, and not quiet. A block that runs code of its own outside
     * of that with the monitor held, which no compiler makes, would be missed as a holder.
     *
     * The handler catches what it throws itself, from its start to its monitorexit: without that
     * the JVM does not compile the method. With a call in that range its first compiler does not
     * either ("exception handler covers itself"), and the second then knows nothing of what is
     * hot. So the handler's hook comes behind the range, before the exception is thrown on.
     */
    private final ClassDesc owner;
    private final List<CodeElement> elements;
    private final BitSet quiet = new BitSet();

    /// Exits whose hook comes before a later instruction, and by that instruction the variable.
    private final BitSet leftLater = new BitSet();
    private final Map<Integer, Integer> leftBefore = new HashMap<>();

    /// Looks at a method's code.
    MonitorBlocks(ClassDesc owner, List<CodeElement> elements) {
        this.owner = owner;
        this.elements = elements;
        boolean any = false;
        for (int i = 0; i < elements.size(); i++) {
            if (isMonitor(i, Opcode.MONITORENTER)) {
                any = true;
                lookForQuiet(i);
            }
        }
        if (any) {
            lookForHandlers();
        }
    }

    /// Whether the monitor instruction at this index belongs to a quiet block.
    boolean isQuiet(int index) {
        return quiet.get(index);
    }

    /// Whether the hook of the monitorexit at this index comes later.
    boolean isLeftLater(int index) {
        return leftLater.get(index);
    }

    /// The local variable with the monitor that was left before the instruction at this index, if
    /// its hook goes there; else -1.
    int leftBefore(int index) {
        return leftBefore.getOrDefault(index, -1);
    }

    /// The local variable with the monitor that the instruction at this index enters or leaves, -1
    /// when it is in none.
    int slot(int index) {
        int i = index - 1;
        while (i > 0 && !(elements.get(i) instanceof Instruction)) {
            i--;
        }
        return switch (elements.get(Math.max(i, 0))) {
            case StoreInstruction s when isMonitor(index, Opcode.MONITORENTER) -> s.slot();
            case LoadInstruction l when isMonitor(index, Opcode.MONITOREXIT) -> l.slot();
            default -> -1;
        };
    }

    private boolean isMonitor(int index, Opcode which) {
        return elements.get(index) instanceof MonitorInstruction m && m.opcode() == which;
    }

    private void lookForQuiet(int enter) {
        int slot = slot(enter);
        BitSet exits = new BitSet();
        boolean onlyQuiet = slot >= 0;
        int last = enter;
        for (int i = enter + 1; i < elements.size(); i++) {
            if (isMonitor(i, Opcode.MONITORENTER) && slot(i) == slot) {
                break;
            }
            if (isMonitor(i, Opcode.MONITOREXIT) && slot(i) == slot) {
                exits.set(i);
                last = i;
            }
        }
        for (int i = enter + 1; i < last && onlyQuiet; i++) {
            CodeElement e = elements.get(i);
            onlyQuiet = e instanceof MonitorInstruction ? exits.get(i) : isQuiet(owner, e);
        }
        if (onlyQuiet && exits.cardinality() > 1) {
            quiet.set(enter);
            quiet.or(exits);
        }
    }

    private void lookForHandlers() {
        Set<Label> ends = new HashSet<>();
        Set<Label> targets = new HashSet<>();
        for (CodeElement e : elements) {
            if (e instanceof ExceptionCatch c) {
                targets.add(c.handler());
                if (c.tryStart().equals(c.handler())) {
                    ends.add(c.tryEnd());
                }
            } else {
                addTargets(e, targets);
            }
        }
        for (int i = 1; i < elements.size(); i++) {
            if (isMonitor(i, Opcode.MONITOREXIT) && slot(i) >= 0 && !isQuiet(i)) {
                lookForHandler(i, ends, targets);
            }
        }
    }

    /// The hook may stand before the next instruction if the range ends between the two and nothing
    /// jumps there.
    private void lookForHandler(int exit, Set<Label> ends, Set<Label> targets) {
        boolean ended = false;
        for (int i = exit + 1; i < elements.size(); i++) {
            CodeElement e = elements.get(i);
            if (e instanceof LabelTarget t && targets.contains(t.label())) {
                return;
            }
            ended |= e instanceof LabelTarget t && ends.contains(t.label());
            if (e instanceof Instruction) {
                if (ended && e instanceof LoadInstruction) {
                    leftLater.set(exit);
                    leftBefore.put(i, slot(exit));
                }
                return;
            }
        }
    }

    private static void addTargets(CodeElement e, Set<Label> targets) {
        switch (e) {
            case BranchInstruction b -> targets.add(b.target());
            case TableSwitchInstruction s -> {
                targets.add(s.defaultTarget());
                s.cases().stream().map(SwitchCase::target).forEach(targets::add);
            }
            case LookupSwitchInstruction s -> {
                targets.add(s.defaultTarget());
                s.cases().stream().map(SwitchCase::target).forEach(targets::add);
            }
            default -> { }
        }
    }

    /// Whether the whole method is quiet, so that its own monitor is.
    static boolean isQuiet(ClassDesc owner, List<CodeElement> elements) {
        for (CodeElement e : elements) {
            if (!isQuiet(owner, e)) {
                return false;
            }
        }
        return true;
    }

    private static boolean isPlain(ConstantInstruction c) {
        return c.constantValue() instanceof Number || c.constantValue() instanceof String;
    }

    /// Whether an element runs no method's code, and loads and initialises no class.
    private static boolean isQuiet(ClassDesc owner, CodeElement e) {
        if (!(e instanceof Instruction instruction)) {
            return true;
        }
        Opcode opcode = instruction.opcode();
        return switch (opcode.kind()) {
            case LOAD, STORE, INCREMENT, BRANCH, LOOKUP_SWITCH, TABLE_SWITCH, RETURN,
                    THROW_EXCEPTION, ARRAY_LOAD, ARRAY_STORE, NEW_PRIMITIVE_ARRAY, CONVERT,
                    OPERATOR, STACK, NOP -> true;
            case CONSTANT -> opcode == Opcode.ACONST_NULL || isPlain((ConstantInstruction) e);
            case FIELD_ACCESS -> opcode == Opcode.GETFIELD || opcode == Opcode.PUTFIELD
                    || ((FieldInstruction) instruction).owner().asSymbol().equals(owner);
            default -> false;
        };
    }
}
