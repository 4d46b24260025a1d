package dev.polder.memgroup;

import dev.polder.base.Frames;
import java.util.List;

/// A group and the one above it that are closed while somebody who found them open charges the
/// lower one: the state of a jcstress test. What is charged must be found from the root.
class ClosedGroup {
    private final MemGroup root = MemGroup.root("stress");
    private final MemGroup outer = root.create("outer");
    private final MemGroup inner = outer.create("inner");

    final void charge() {
        inner.charge(Frames.SIZE);
    }

    final boolean tryCharge() {
        return inner.tryCharge(Frames.SIZE) == null;
    }

    final void uncharge() {
        inner.uncharge(Frames.SIZE);
    }

    final void close() {
        inner.close();
        outer.close();
    }

    /// Whether the books of every group agree with what was charged to the lower one.
    final boolean agrees(boolean charged) {
        ChargeAudit audit = new ChargeAudit();
        if (charged) {
            audit.run(inner, Frames.SIZE);
        }
        try {
            audit.verify(root);
            return root.charged() == (charged ? Frames.SIZE : 0);
        } catch (IllegalStateException e) {
            return false;
        }
    }

    /// Whether the groups go once nothing is charged to them.
    final boolean forgotten() {
        MemGroup next = root.create("next");
        return root.children().equals(List.of(next));
    }
}
