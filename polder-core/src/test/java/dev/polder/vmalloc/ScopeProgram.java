package dev.polder.vmalloc;

import dev.polder.gfp.Gfp;
import dev.polder.gfp.Memalloc;
import dev.polder.task.Task;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;

/// A recorded scope program: `F`, `I`, `R` save and push their token; `n`, `i`, `r` and a number
/// restore that token.
public final class ScopeProgram {
    private ScopeProgram() {}

    /// Runs `body` after the program, on a thread that is in no scope before and after.
    public static long run(String program, LongSupplier body) {
        List<Integer> tokens = new ArrayList<>();
        try {
            for (int i = 0; i < program.length(); i++) {
                switch (program.charAt(i)) {
                    case 'F' -> tokens.add(Task.current().saveFlags(Task.NOFS));
                    case 'I' -> tokens.add(Task.current().saveFlags(Task.NOIO));
                    case 'R' -> tokens.add(Task.current().saveFlags(Task.NORECLAIM));
                    default -> {
                        i++;
                        Task.current().restoreFlags(tokens.get(program.charAt(i) - '0'));
                    }
                }
            }
            return body.getAsLong();
        } finally {
            Task.current().restoreFlags(Task.current().flags());
        }
    }

    /// What the program makes of a mask.
    public static int effective(String program, int gfp) {
        return (int) run(program, () -> Memalloc.effective(gfp));
    }

    /// True if the program ends inside a noreclaim scope.
    public static boolean noReclaim(String program) {
        return run(program, () -> Task.current().flags() & Task.NORECLAIM) != 0;
    }

    /// A recorded mask without the bits that have no meaning here; `-1` where none was recorded.
    public static int mask(String recorded) {
        if (recorded.startsWith("(")) {
            return -1;
        }
        int gfp = 0;
        for (String word : recorded.split("\\|", -1)) {
            if (!word.isEmpty() && !word.equals("__GFP_HIGHMEM") && !word.equals("__GFP_COMP")) {
                gfp |= Gfp.parse(word);
            }
        }
        return gfp;
    }

    /// True if every bit of a recorded mask exists here.
    public static boolean known(String recorded) {
        try {
            mask(recorded);
            return true;
        } catch (IllegalArgumentException _) {
            return false;
        }
    }
}
