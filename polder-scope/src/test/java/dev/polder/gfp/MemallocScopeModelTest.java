package dev.polder.gfp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.polder.task.Task;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/// Random openings and closings in any order, against a list.
@ExtendWith(CleanScopes.class)
class MemallocScopeModelTest {
    private static final ScopeSite SITE = ScopeSite.of("model");
    private static final ReclaimDomain[] DOMAINS = {
        ReclaimDomain.of("one"), ReclaimDomain.of("two"), ReclaimDomain.of("three")};

    /// One open scope, as simply as it can be written.
    private static final class Entry {
        final MemallocScope scope;
        final int flag; // 0 for a domain
        final ReclaimDomain domain;
        boolean closed;

        Entry(MemallocScope scope, int flag, ReclaimDomain domain) {
            this.scope = scope;
            this.flag = flag;
            this.domain = domain;
        }
    }

    private final List<Entry> stack = new ArrayList<>();

    @Test
    void anyOrderOfClosingAgreesWithTheModel() {
        long seed = new Random().nextLong();
        Random random = new Random(seed);
        for (int step = 0; step < 20_000; step++) {
            if (stack.isEmpty() || (stack.size() < 12 && random.nextInt(5) < 3)) {
                open(random);
            } else {
                // mostly the top, sometimes any
                int index = random.nextInt(4) > 0 ? stack.size() - 1 : random.nextInt(stack.size());
                close(index);
            }
            check("seed " + seed + " step " + step);
        }
        while (!stack.isEmpty()) {
            close(stack.size() - 1);
        }
        check("seed " + seed + " at the end");
    }

    private void open(Random random) {
        ReclaimDomain domain = DOMAINS[random.nextInt(DOMAINS.length)];
        switch (random.nextInt(4)) {
            case 0 -> stack.add(new Entry(MemallocScope.noFs(SITE), Task.NOFS, domain));
            case 1 -> stack.add(new Entry(MemallocScope.noIo(SITE), Task.NOIO, domain));
            case 2 -> stack.add(new Entry(MemallocScope.noReclaim(SITE), Task.NORECLAIM, domain));
            default -> stack.add(new Entry(MemallocScope.excluding(domain, SITE), 0, domain));
        }
    }

    private void close(int index) {
        Entry entry = stack.get(index);
        if (index == stack.size() - 1) {
            entry.scope.close();
            stack.remove(index);
            while (!stack.isEmpty() && stack.get(stack.size() - 1).closed) {
                stack.remove(stack.size() - 1);
            }
        } else {
            assertThatThrownBy(entry.scope::close).isInstanceOf(IllegalStateException.class);
            entry.closed = true;
        }
    }

    private void check(String where) {
        Task task = Task.current();
        task.verify();
        int flags = 0;
        for (Entry entry : stack) {
            flags |= entry.flag;
        }
        assertThat(task.flags()).as(where).isEqualTo(flags);
        for (ReclaimDomain domain : DOMAINS) {
            assertThat(task.excludes(domain)).as(where).isEqualTo(
                    stack.stream().anyMatch(e -> e.flag == 0 && e.domain == domain));
        }
        assertThat(task.depth()).as(where).isEqualTo(stack.size());
    }
}
