package dev.polder.gfp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.task.Task;
import dev.polder.testkit.Row;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/// Kernel-shaped saves and scopes of one thread, mixed and crossed at random, against a list: a
/// token takes away what it set and nothing that a scope holds.
@Row("B4")
class MixedScopesModelTest {
    private static final int STEPS = 20_000;

    /// One open section. A save has no scope.
    private static final class Section {
        final @Nullable MemallocScope scope;
        final int family;
        final int token;
        boolean closed;

        Section(@Nullable MemallocScope scope, int family, int token) {
            this.scope = scope;
            this.family = family;
            this.token = token;
        }
    }

    @RegisterExtension
    private final HeardEvents events = new HeardEvents();

    private final List<Section> stack = new ArrayList<>();
    private int raw;

    @Test
    void savesAndScopesDoNotHurtEachOther() throws Exception {
        long seed = new Random().nextLong();
        assertThat(Threads.on(() -> run(new Random(seed), "seed " + seed))).isTrue();
        assertThat(events.all()).isNotEmpty().allMatch(event -> event.startsWith("crossed"));
    }

    private boolean run(Random random, String where) {
        for (int step = 0; step < STEPS; step++) {
            if (stack.isEmpty() || (stack.size() < 12 && random.nextInt(2) == 0)) {
                open(random);
            } else {
                int top = stack.size() - 1;
                close(random.nextInt(4) > 0 ? top : random.nextInt(stack.size()), random);
            }
            check(where + " step " + step);
        }
        while (!stack.isEmpty()) {
            end(stack.size() - 1);
        }
        check(where + " at the end");
        MemallocScope.requireNone();
        return true;
    }

    private void open(Random random) {
        int family = 1 << random.nextInt(3);
        int flags = flags();
        if (random.nextInt(2) == 0) {
            int token = save(family);
            assertThat(token).isEqualTo(family & ~flags);
            raw |= token;
            stack.add(new Section(null, family, token));
        } else {
            stack.add(new Section(scope(family), family, 0));
        }
    }

    private void close(int index, Random random) {
        Section section = stack.get(index);
        if (section.scope == null && random.nextInt(8) == 0) {
            cross(1 << random.nextInt(3), section.token);
        } else {
            end(index);
        }
    }

    /// Ends a section in its own way, wherever it stands.
    private void end(int index) {
        Section section = stack.get(index);
        if (section.scope == null) {
            cross(section.family, section.token);
        } else if (index == stack.size() - 1) {
            section.scope.close();
            stack.remove(index);
            dropClosed();
        } else {
            assertThatThrownBy(section.scope::close).isInstanceOf(IllegalStateException.class);
            section.closed = true;
        }
    }

    /// The rule of restore: the token's bits are cleared; the saves that set them are over. An
    /// empty token ends the last save of its family that set nothing.
    private void cross(int family, int token) {
        restore(family, token);
        raw &= ~token;
        for (int i = stack.size() - 1; i >= 0; i--) {
            Section section = stack.get(i);
            if (section.scope != null) {
                continue;
            }
            if ((section.token & token) != 0) {
                stack.remove(i);
            } else if (token == 0 && section.token == 0 && section.family == family) {
                stack.remove(i);
                break;
            }
        }
        dropClosed();
    }

    private void dropClosed() {
        while (!stack.isEmpty() && stack.get(stack.size() - 1).closed) {
            stack.remove(stack.size() - 1);
        }
    }

    private int flags() {
        int flags = raw;
        for (Section section : stack) {
            flags |= section.scope == null ? 0 : section.family;
        }
        return flags;
    }

    private void check(String where) {
        Task.current().verify();
        assertThat(Task.current().flags()).as(where).isEqualTo(flags());
        if (stack.isEmpty()) {
            assertThat(Task.current().depth()).as(where).isZero();
        }
    }

    private static MemallocScope scope(int family) {
        return switch (family) {
            case Task.NOFS -> MemallocScope.noFs("mixed");
            case Task.NOIO -> MemallocScope.noIo("mixed");
            default -> MemallocScope.noReclaim("mixed");
        };
    }

    private static int save(int family) {
        return switch (family) {
            case Task.NOFS -> Memalloc.nofsSave();
            case Task.NOIO -> Memalloc.noioSave();
            default -> Memalloc.noreclaimSave();
        };
    }

    private static void restore(int family, int token) {
        switch (family) {
            case Task.NOFS -> Memalloc.nofsRestore(token);
            case Task.NOIO -> Memalloc.noioRestore(token);
            default -> Memalloc.noreclaimRestore(token);
        }
    }
}
