package dev.polder.lockdep.agent;

import dev.polder.lockdep.engine.Sites;
import dev.polder.lockdep.rules.Rule;
import java.lang.classfile.AccessFlags;
import java.lang.classfile.Attributes;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassModel;
import java.lang.classfile.CodeModel;
import java.lang.classfile.MethodModel;
import java.lang.classfile.MethodTransform;
import java.lang.constant.ClassDesc;
import java.lang.reflect.AccessFlag;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Puts the hooks into one class file.
///
/// Class files below version 50 may contain `jsr`; one that does is left alone. The others are
/// rewritten without a look at any other class, except where a rule asks who extends what.
final class Weaver {
    /*
     * Verification. Whatever is put in is straight code that leaves the stack as it found it and
     * keeps its own values in fresh locals, so every stack map frame of the class stays true where
     * it is: the frames are copied, their labels move along, and the one local that lives on from
     * hook to hook is added, because it is set before the first instruction. That needs no class
     * hierarchy, hence no class of the program is loaded or read, and no frame can be computed
     * wrong. The one new branch target is the handler around a synchronized method or one that a
     * rule names; its frame is added: the monitor's owner, if it is needed, and the throwable.
     */
    private final ClassFile classFile = ClassFile.of(
            ClassFile.StackMapsOption.DROP_STACK_MAPS, // copied by MethodWeaver, not computed
            ClassFile.DeadCodeOption.KEEP_DEAD_CODE);
    private final Sites sites;
    private final Map<String, List<Rule>> rulesByMethod = new HashMap<>();
    private final List<Rule> rules;
    private final Hierarchy hierarchy = new Hierarchy();

    Weaver(Sites sites, List<Rule> rules) {
        this.sites = sites;
        this.rules = rules;
        for (Rule r : rules) {
            index(r);
            Rule until = r.until();
            if (until != null) {
                index(until);
            }
        }
    }

    private void index(Rule r) {
        rulesByMethod.computeIfAbsent(r.method(), m -> new ArrayList<>()).add(r);
    }

    /// The class with its hooks; null when it needs none.
    byte @Nullable [] weave(ClassLoader loader, byte[] bytes) {
        ClassModel model = classFile.parse(bytes);
        noteNested(loader, model);
        Map<MethodModel, MethodPlan> plans = new HashMap<>();
        for (MethodModel m : model.methods()) {
            MethodPlan plan = plan(loader, model, m);
            if (plan != null) {
                plans.put(m, plan);
            }
        }
        if (plans.isEmpty() || (model.majorVersion() < 50 && MethodPlan.hasSubroutine(model))) {
            return null;
        }
        return classFile.transformClass(model, (builder, element) -> {
            MethodPlan plan = element instanceof MethodModel m ? plans.get(m) : null;
            if (plan == null) {
                builder.with(element);
            } else {
                builder.transformMethod((MethodModel) element,
                        MethodTransform.transformingCode(new MethodWeaver(plan)));
            }
        });
    }

    private void noteNested(ClassLoader loader, ClassModel model) {
        for (Rule r : rules) {
            if (r.verb() == Rule.Verb.NEST
                    && hierarchy.isSubclass(loader, model, r.className().replace('.', '/'))) {
                r.matched();
                dev.polder.lockdep.engine.Hooks.ENGINE.nests(
                        model.thisClass().asInternalName().replace('/', '.'));
            }
        }
    }

    private @Nullable MethodPlan plan(ClassLoader loader, ClassModel model, MethodModel method) {
        CodeModel code = method.code().orElse(null);
        if (code == null) {
            return null;
        }
        List<Rule> applied = rules(loader, model, method);
        AccessFlags flags = method.flags();
        boolean isStatic = flags.has(AccessFlag.STATIC);
        boolean guarded = flags.has(AccessFlag.SYNCHRONIZED)
                && (!isStatic || model.majorVersion() >= 49); // ldc of a class is that young
        ClassDesc owner = model.thisClass().asSymbol();
        MethodPlan plan = new MethodPlan(sites, owner, model.majorVersion(), method, applied,
                code.findAttribute(Attributes.stackMapTable()).orElse(null));
        plan.look(code, model.superclass().map(s -> s.asInternalName()).orElse(""), guarded,
                isStatic);
        return plan.isEmpty() ? null : plan;
    }

    private List<Rule> rules(ClassLoader loader, ClassModel model, MethodModel method) {
        String name = method.methodName().stringValue();
        List<Rule> found = new ArrayList<>();
        if (!name.startsWith("<")) {
            List<String> types = null;
            for (String key : List.of(name, "*")) {
                for (Rule r : rulesByMethod.getOrDefault(key, List.of())) {
                    types = types == null ? simpleTypes(method) : types;
                    if (r.fits(name, types) && hierarchy.isSubclass(
                            loader, model, r.className().replace('.', '/'))) {
                        r.matched();
                        found.add(r);
                    }
                }
            }
        }
        return found;
    }

    private static List<String> simpleTypes(MethodModel method) {
        List<String> types = new ArrayList<>();
        for (ClassDesc d : method.methodTypeSymbol().parameterList()) {
            String simple = d.displayName();
            types.add(simple.substring(simple.lastIndexOf('$') + 1));
        }
        return types;
    }
}
