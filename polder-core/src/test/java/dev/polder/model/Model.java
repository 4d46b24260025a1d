package dev.polder.model;

import dev.polder.gfp.Gfp;
import dev.polder.model.Outcome.Call;
import dev.polder.model.Outcome.Request;
import dev.polder.model.Outcome.Result;
import dev.polder.model.Outcome.State;
import dev.polder.model.Program.Source;
import dev.polder.model.Program.Step;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// What the rows say about programs with memory groups, in which background reclaim is a step, and
/// so is what another thread does while a request waits: written from the rows' sentences and the
/// records of decisions, on a set of free frames. Each part has its own class: pages and charges,
/// reclaim, groups, scopes, objects, areas.
///
/// It can be told to be wrong in one way, to show that a comparison notices.
final class Model implements ModelReclaim.Host {
    private static final int MAX_ORDER = 10;

    private final long low;
    private final long high;
    private final Set<Mistake> mistakes;
    private final ModelTime time;
    private final ModelFrames frames;
    private final ModelGroups groups;
    private final ModelScopes scopes;
    private final ModelReclaim reclaim;
    private final ModelPages pages;
    private final ModelMemory memory;
    private final List<Held> kept = new ArrayList<>();
    private List<Call> calls = new ArrayList<>();
    private List<String> facts = new ArrayList<>();

    /// A pool with those marks and limits, whose clock moves `slack` ticks at least when a thread
    /// parks.
    Model(Program program, ModelPages.Marks marks, ModelAreas.Limits limits, long slack,
            Mistake... made) {
        this.mistakes = Set.of(made);
        this.low = marks.low();
        this.high = marks.high();
        this.time = new ModelTime(slack, this::whileParked);
        this.frames = new ModelFrames(limits.frames(), mistakes);
        this.groups = new ModelGroups(Program.PARENTS, mistakes);
        this.scopes = new ModelScopes(groups, mistakes);
        this.reclaim = new ModelReclaim(program.shrinkers(), groups, frames, scopes, marks.min(),
                time, this, mistakes);
        ModelCharges charges = new ModelCharges(groups, scopes, reclaim, time, mistakes);
        this.pages = new ModelPages(marks, frames, groups, scopes, reclaim, charges, time,
                mistakes);
        ModelObjects objects = new ModelObjects(pages, frames, scopes, charges, mistakes);
        ModelAreas areas = new ModelAreas(limits, pages, frames, groups, scopes, charges, objects,
                time, mistakes);
        this.memory = new ModelMemory(pages, frames, groups, objects, areas, time, mistakes);
    }

    /// Runs one step, in which the real allocators chose the places that are `told`.
    Outcome run(Step step, Told told) {
        memory.places(told);
        calls = new ArrayList<>();
        reclaim.calls(calls);
        List<Request> requests = new ArrayList<>();
        pages.requests(requests);
        facts = new ArrayList<>();
        time.beginStep();
        Result result;
        try {
            result = perform(step);
        } catch (ModelTime.Waits w) {
            result = Result.WAITS;
        }
        State after = new State(frames.free(), frames.kept(), reclaim.deferred(),
                groups.charges(), groups.failures());
        return new Outcome(result, requests, calls, facts, after);
    }

    private Result perform(Step step) {
        switch (step) {
            case Step.Alloc a -> {
                return keep(memory.take(Source.PAGES, a.order(), a.gfp()), false);
            }
            case Step.Take t when t.source() == Source.MEMPOOL && mayNot(t.gfp()) -> {
                return Result.REFUSED;
            }
            case Step.Take t -> {
                return keep(memory.take(t.source(), t.size(), t.gfp()), true);
            }
            case Step.Aligned a -> {
                return keep(memory.aligned(a.size(), a.alignment(), a.gfp()), true);
            }
            case Step.Grow g -> {
                return grow(g);
            }
            case Step.Hold h -> {
                for (int i = 0; i < h.blocks(); i++) {
                    pages.request(MAX_ORDER, Gfp.NOWAIT);
                }
            }
            case Step.Free f -> {
                if (!kept.isEmpty()) {
                    free(kept.remove(f.which() % kept.size()));
                }
            }
            case Step.Drop d -> reclaim.drop(d.consumer(), d.objects());
            case Step.Open o -> {
                return open(o);
            }
            case Step.Close _ -> scopes.close();
            case Step.Limit l -> groups.limit(group(l.group()), l.kind(), l.frames());
            case Step.Reset r -> groups.reset(group(r.group()));
            case Step.End e -> {
                return groups.end(group(e.group()), reclaim::forgotten) ? Result.NONE
                        : Result.REFUSED;
            }
            case Step.Create c -> {
                return groups.count() == Program.MOST_GROUPS
                        || groups.create(group(c.parent()), reclaim::forgotten) ? Result.NONE
                        : Result.REFUSED;
            }
            case Step.Reserve r -> {
                return memory.reserve().exists() ? Result.NONE
                        : memory.reserve().create(r.minimum()) ? Result.GOT : Result.FAILED;
            }
            case Step.Unreserve _ -> {
                return memory.reserve().close() ? Result.NONE : Result.REFUSED;
            }
            case Step.Meanwhile m -> time.meanwhile(m);
            case Step.Background b -> reclaim.background(b.order(), low, high);
        }
        return Result.NONE;
    }

    /// J4, and where there is no memory pool.
    private boolean mayNot(int gfp) {
        return !memory.reserve().exists()
                || (Gfp.has(gfp, Gfp.ZERO) && !mistakes.contains(Mistake.ELEMENT_ZEROED));
    }

    private int group(int which) {
        return which % groups.count();
    }

    private Result open(Step.Open o) {
        int which = o.scope() == Program.Scope.GROUP ? group(o.which()) : o.which();
        if (o.scope() == Program.Scope.GROUP && groups.closed(which)
                && !mistakes.contains(Mistake.CLOSED_GROUP_ENTERED)) {
            return Result.REFUSED;
        }
        scopes.open(new Step.Open(o.scope(), which));
        return Result.NONE;
    }

    /// Who is parked outside reclaim keeps nothing near itself.
    private void whileParked(List<Step> steps) {
        steps.forEach(this::onAnotherThread);
        if (!scopes.inReclaim() || !steps.isEmpty()) {
            memory.objects().giveEmptyBack();
        }
    }

    private void onAnotherThread(Step step) {
        scopes.anotherThread(true);
        frames.anotherThread(true);
        facts.add(Outcome.meanwhile(groups.failures(), groups.charges()));
        perform(step);
        frames.anotherThread(false);
        scopes.anotherThread(false);
    }

    private Result keep(@Nullable Held got, boolean described) {
        if (got == null) {
            return Result.FAILED;
        }
        kept.add(got);
        if (described) {
            facts.add(memory.describe(got));
        }
        return Result.GOT;
    }

    private Result grow(Step.Grow g) {
        Program.Consumer consumer = reclaim.consumer(g.consumer());
        Result result = Result.NONE;
        for (int i = 0; i < g.objects() && result != Result.FAILED; i++) {
            Held got = memory.take(consumer.source(), consumer.size(), g.gfp());
            result = got == null ? Result.FAILED : Result.GOT;
            if (got != null) {
                reclaim.add(g.consumer(), got, Math.max(0, scopes.payer(g.gfp())));
            }
        }
        return result;
    }

    @Override
    public void free(Held what) {
        memory.free(what);
    }

    @Override
    public void allocate() {
        keep(memory.take(Source.PAGES, 0, Gfp.KERNEL), false);
    }

    @Override
    public void purge(long wanted) {
        memory.areas().purge(wanted);
    }

    @Override
    public void giveEmptyBack() {
        memory.objects().giveEmptyBack();
    }

    @Override
    public long cachedFrames() {
        return memory.areas().lazyFrames() + memory.objects().emptyFrames();
    }
}
