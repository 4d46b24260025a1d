package dev.polder.cli.console;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.ReadOnlyFileSystemException;
import java.util.Locale;

/// An ordinary reason why a command cannot do its work: told in one sentence, with exit code 2 and
/// no stack trace.
public final class CannotRun extends RuntimeException {

    private static final long serialVersionUID = 1L;

    /// @param sentence the reason and what to do about it, as the person reads it
    public CannotRun(String sentence) {
        super(sentence, null, false, false);
    }

    /// The sentence for a file operation that failed.
    ///
    /// @param doing what was tried, as in "write the report out.html"
    public static CannotRun io(String doing, IOException e) {
        return new CannotRun("Cannot " + doing + ": " + reason(e) + ".");
    }

    /// Whether the failure is of the disk or of its permissions, and not of the program.
    public static boolean isOrdinary(IOException e) {
        return e instanceof FileSystemException || reason(e).startsWith("the disk is full");
    }

    private static String reason(IOException e) {
        String text = String.valueOf(e.getMessage());
        if (e instanceof FileSystemException f && f.getReason() != null) {
            text = f.getReason();
        }
        String lower = text.toLowerCase(Locale.ROOT);
        if (lower.contains("no space left") || lower.contains("quota")) {
            return "the disk is full; free some space or choose another place with --work-dir";
        }
        if (lower.contains("read-only")) {
            return "the file system is read-only; choose another place with --work-dir";
        }
        return switch (e) {
            case NoSuchFileException n -> n.getFile() + " does not exist";
            case AccessDeniedException a -> "no permission for " + a.getFile();
            default -> text;
        };
    }

    /// The same for a file system that refuses every change.
    public static CannotRun readOnly(String doing, ReadOnlyFileSystemException e) {
        return new CannotRun("Cannot " + doing + ": the file system is read-only.");
    }
}
