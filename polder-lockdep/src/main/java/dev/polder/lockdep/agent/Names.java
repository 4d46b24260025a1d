package dev.polder.lockdep.agent;

import java.lang.classfile.instruction.FieldInstruction;
import java.lang.constant.ClassDesc;

/// Names of classes and fields in their several forms.
final class Names {
    private Names() {}

    /// "java/lang/Object".
    static String internal(ClassDesc c) {
        String descriptor = c.descriptorString();
        return descriptor.substring(1, descriptor.length() - 1);
    }

    /// "java.lang.Object", inner classes with "$".
    static String binary(ClassDesc c) {
        return internal(c).replace('/', '.');
    }

    /// "pkg.Class.field".
    static String field(FieldInstruction f) {
        return f.owner().asInternalName().replace('/', '.') + "." + f.name().stringValue();
    }
}
