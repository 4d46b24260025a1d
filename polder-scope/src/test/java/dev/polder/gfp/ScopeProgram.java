package dev.polder.gfp;

import dev.polder.task.Task;
import java.util.ArrayList;
import java.util.List;

/// Runs the recordings' scope programs: `F I R` save, `n0 i0 r0` restore with token number 0.
public final class ScopeProgram {
    private final String text;
    private final List<Integer> tokens = new ArrayList<>();
    private int at;

    public ScopeProgram(String text) {
        this.text = text;
    }

    /// Runs the whole program.
    public static ScopeProgram run(String text) {
        ScopeProgram program = new ScopeProgram(text);
        while (program.hasNext()) {
            program.step();
        }
        return program;
    }

    public boolean hasNext() {
        return at < text.length();
    }

    /// Runs one save or restore; returns the token it gave or took.
    public int step() {
        char op = text.charAt(at++);
        switch (op) {
            case 'F' -> tokens.add(Memalloc.nofsSave());
            case 'I' -> tokens.add(Memalloc.noioSave());
            case 'R' -> tokens.add(Memalloc.noreclaimSave());
            case 'n' -> Memalloc.nofsRestore(token());
            case 'i' -> Memalloc.noioRestore(token());
            case 'r' -> Memalloc.noreclaimRestore(token());
            default -> throw new IllegalArgumentException(op + " in " + text);
        }
        return Character.isUpperCase(op)
                ? tokens.get(tokens.size() - 1)
                : tokens.get(text.charAt(at - 1) - '0');
    }

    private int token() {
        return tokens.get(text.charAt(at++) - '0');
    }

    /// The task flags as the recordings name them, in their order; "-" for none.
    public static String flagNames(int flags) {
        List<String> names = new ArrayList<>();
        if ((flags & Task.NORECLAIM) != 0) {
            names.add("MEMALLOC");
        }
        if ((flags & Task.NOFS) != 0) {
            names.add("NOFS");
        }
        if ((flags & Task.NOIO) != 0) {
            names.add("NOIO");
        }
        return names.isEmpty() ? "-" : String.join("|", names);
    }
}
