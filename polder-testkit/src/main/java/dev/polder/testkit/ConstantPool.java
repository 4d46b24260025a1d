package dev.polder.testkit;

import java.io.DataInputStream;
import java.io.IOException;
import java.util.Set;

/// A class file's constant pool (JVMS 4.4): its texts, and which entries name classes.
final class ConstantPool {

    private static final int UTF8 = 1;
    private static final int LONG = 5;
    private static final int DOUBLE = 6;
    private static final int CLASS = 7;
    private static final int STRING = 8;
    private static final int NAME_AND_TYPE = 12;
    private static final int METHOD_HANDLE = 15;
    private static final int METHOD_TYPE = 16;
    private static final int MODULE = 19;
    private static final int PACKAGE = 20;

    private final int[] tags;
    private final String[] texts;
    /// The index of the text that an entry refers to; for a name-and-type that of the descriptor.
    private final int[] textOf;

    private ConstantPool(int size) {
        tags = new int[size];
        texts = new String[size];
        textOf = new int[size];
    }

    static ConstantPool read(DataInputStream in) throws IOException {
        int size = in.readUnsignedShort();
        ConstantPool pool = new ConstantPool(size);
        for (int i = 1; i < size; i++) {
            int tag = in.readUnsignedByte();
            pool.tags[i] = tag;
            switch (tag) {
                case UTF8 -> pool.texts[i] = in.readUTF();
                case LONG, DOUBLE -> {
                    in.skipNBytes(8);
                    i++;                                    // they take two places (JVMS 4.4.5)
                }
                case CLASS, METHOD_TYPE, STRING, MODULE, PACKAGE ->
                    pool.textOf[i] = in.readUnsignedShort();
                case NAME_AND_TYPE -> {
                    in.skipNBytes(2);
                    pool.textOf[i] = in.readUnsignedShort();
                }
                case METHOD_HANDLE -> in.skipNBytes(3);
                default -> in.skipNBytes(4);                // numbers, members, dynamic constants
            }
        }
        return pool;
    }

    String utf8(int index) {
        if (tags[index] != UTF8) {
            throw new IllegalArgumentException("constant " + index + " is no text");
        }
        return texts[index];
    }

    /// The binary name of a class constant that is no array.
    String className(int index) {
        return utf8(textOf[index]).replace('/', '.');
    }

    /// Adds every class that a class constant, a descriptor or a method type names.
    void mentioned(Set<String> names) {
        for (int i = 1; i < tags.length; i++) {
            if (tags[i] == CLASS && !utf8(textOf[i]).startsWith("[")) {
                names.add(className(i));
            } else if (tags[i] == CLASS || tags[i] == NAME_AND_TYPE || tags[i] == METHOD_TYPE) {
                Descriptors.addClasses(utf8(textOf[i]), names);
            }
        }
    }
}
