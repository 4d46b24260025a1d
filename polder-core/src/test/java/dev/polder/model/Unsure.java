package dev.polder.model;

/// From here on several things may happen, and the rows allow each of them: the comparison ends.
final class Unsure extends RuntimeException {
    private static final long serialVersionUID = 1;

    Unsure() {
        super("cannot be known", null, false, false);
    }
}
