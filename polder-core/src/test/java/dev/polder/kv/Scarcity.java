package dev.polder.kv;

import dev.polder.gfp.Gfp;
import dev.polder.kv.Recording.Line;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// What the recorded machine had left when it was fragmented: for each row, the free objects and
/// the free runs that its requests found, and besides single frames only.
///
/// A row without a page request had a free object; a row with requests had none, and a run of each
/// order that it was given. Both are read off the requests, and not off the row's result.
final class Scarcity implements AutoCloseable {
    private static final int LARGEST_OBJECT = 8192;

    private final KvRig rig;
    private final boolean fragmented;
    /// By order.
    private final long[] spare = new long[3];
    private final List<Long> held;

    Scarcity(KvRig rig, boolean fragmented) {
        this.rig = rig;
        this.fragmented = fragmented;
        for (int order = 1; order < spare.length && fragmented; order++) {
            spare[order] = rig.pool.pages.alloc(order, Gfp.KERNEL);
        }
        held = fragmented ? rig.pool.fragment() : List.of();
    }

    /// Runs `body` with what the row's requests found.
    void with(Line l, Runnable body) {
        String[] orders = l.get("kmalloc_attempt_order").split(";", -1);
        if (!fragmented || orders[0].isEmpty()) {
            body.run();
            return;
        }
        String[] got = l.get("kmalloc_attempt_got_page").split(";", -1);
        List<Integer> given = new ArrayList<>();
        for (int i = 0; i < orders.length; i++) {
            if (i < got.length && got[i].equals("1")) {
                given.add(Integer.parseInt(orders[i]));
            }
        }
        List<Long> objects = freeObjects(Long.parseLong(l.get("size")));
        given.forEach(order -> rig.pool.pages.free(spare[order]));
        body.run();
        objects.forEach(rig.kv::free);
        rig.slabs.shrinkAll();
        for (int order : given) {
            spare[order] = rig.pool.pages.alloc(order, Gfp.KERNEL);
        }
    }

    /// Takes the free objects of that size.
    private List<Long> freeObjects(long size) {
        List<Long> objects = new ArrayList<>();
        if (size <= LARGEST_OBJECT) {
            rig.pool.pages.faultInjector((_, _, _) -> true);
            for (long a = rig.kmalloc.alloc(size, Gfp.NOWAIT); a != 0;
                    a = rig.kmalloc.alloc(size, Gfp.NOWAIT)) {
                objects.add(a);
            }
            rig.pool.pages.faultInjector((_, _, _) -> false);
        }
        return objects;
    }

    @Override
    public void close() {
        Arrays.stream(spare).forEach(rig.pool.pages::free);
        rig.pool.free(held);
    }
}
