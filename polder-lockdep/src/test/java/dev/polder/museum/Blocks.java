package dev.polder.museum;

/// Synchronized blocks and methods in which nothing can be taken, and others, in every order and
/// with every end. One pair is taken in both orders, the inner one by a block that calls nothing.
public final class Blocks implements Runnable {
    private static final class First {}

    private static final class Second {}

    private static final class Node {
        private int value;

        synchronized int quiet(int by) {
            value += by;
            return value;
        }

        synchronized int calls(Node next) {
            return next == this ? value : next.quiet(1) + quiet(0);
        }
    }

    private final Object first = new First();
    private final Object second = new Second();
    private final int[] few = new int[2];
    private int sum;

    @Override
    public void run() {
        secondAlone();
        for (int i = 0; i < 4; i++) {
            firstThenSecond(i);
            check(ends(i) == i % 2, "the right end");
            throwsInside(i);
            recursive(new Object[] {new First(), first, first, second}, 0);
        }
        Node node = new Node();
        check(node.calls(new Node()) == 1 && node.calls(node) == 0, "methods");
        check(sum > 0, "all ran");
    }

    /// The order that makes the circle, seen while nothing of it is known.
    private void secondAlone() {
        synchronized (second) {
            underSecond();
        }
    }

    private void underSecond() {
        synchronized (first) {
            sum++;
        }
    }

    private void firstThenSecond(int i) {
        synchronized (first) {
            step(i);
            synchronized (second) {
                sum += i;
            }
            step(1);
        }
    }

    private void step(int by) {
        sum += by;
    }

    private int ends(int i) {
        while (true) {
            synchronized (first) {
                if (sum > 1_000_000) {
                    break;
                }
                if (i % 2 == 0) {
                    return 0;
                }
                sum++;
                if (sum % 2 == 0) {
                    continue;
                }
                step(1);
                return 1;
            }
        }
        return -1;
    }

    private void throwsInside(int i) {
        try {
            synchronized (first) {
                few[i + 2]++;
            }
            throw new AssertionError("no element " + (i + 2));
        } catch (ArrayIndexOutOfBoundsException expected) {
            sum++;
        }
        try {
            synchronized (second) {
                step(1);
                few[i + 2]++;
            }
        } catch (ArrayIndexOutOfBoundsException expected) {
            sum++;
        }
    }

    /// One place, entered again for other objects and for the same before it is left.
    private void recursive(Object[] monitors, int depth) {
        if (depth < 3) {
            synchronized (monitors[depth]) {
                recursive(monitors, depth + 1);
            }
        }
    }

    private static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }
}
