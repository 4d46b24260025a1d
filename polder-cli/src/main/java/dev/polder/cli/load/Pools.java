package dev.polder.cli.load;

import dev.polder.MemInfo;
import dev.polder.Polder;
import dev.polder.PolderConfig;
import dev.polder.shrink.ShrinkerHandle;
import dev.polder.stat.VmStat;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToLongFunction;

/// The memory of a run: one pool for all three users, or under [DemoPolicy#SPLIT] one of a third
/// for each.
public final class Pools implements AutoCloseable {

    /// A third of it is a merge's buffer, the pages that the merge changes, and the watermarks.
    public static final long MIN_BUDGET = 64L << 20;

    /// Who uses memory.
    enum User { TEXTS, INDEX, RENDERED }

    private final List<Polder> pools = new ArrayList<>();
    private final boolean split;

    Pools(DemoPolicy policy, long budgetBytes) {
        split = policy.split();
        int count = split ? User.values().length : 1;
        for (int i = 0; i < count; i++) {
            String name = split
                    ? User.values()[i].name().toLowerCase(java.util.Locale.ROOT) : "demo";
            pools.add(Polder.open(PolderConfig.builder().name(name).budget(budgetBytes / count)
                    .allocationDeadline(PolderConfig.NONE).build()));
        }
    }

    /// The pool of a user.
    Polder of(User user) {
        return pools.get(split ? user.ordinal() : 0);
    }

    /// Whether each user has its own.
    boolean split() {
        return split;
    }

    /// A counter, of all pools together.
    long sum(VmStat.Item item) {
        return pools.stream().mapToLong(p -> p.pages().stat().get(item)).sum();
    }

    /// A figure of the pools, added up.
    long sum(ToLongFunction<MemInfo> figure) {
        return pools.stream().mapToLong(p -> figure.applyAsLong(p.memInfo())).sum();
    }

    /// The shrinkers of all pools.
    List<ShrinkerHandle> shrinkers() {
        return pools.stream().flatMap(p -> p.pages().shrinkers().shrinkers().stream()).toList();
    }

    /// Walks every invariant.
    void verify() {
        pools.forEach(Polder::verify);
    }

    /// What a person needs to see what is wrong.
    String show() {
        StringBuilder text = new StringBuilder();
        pools.forEach(p -> text.append(p.showMem()).append('\n'));
        return text.toString();
    }

    @Override
    public void close() {
        pools.forEach(Polder::close);
    }
}
