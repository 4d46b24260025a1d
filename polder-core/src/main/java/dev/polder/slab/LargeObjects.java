package dev.polder.slab;

/// The owner of every run that `kmalloc` took for a request above its largest class, and the sizes
/// that were asked for. The kernel's large kmalloc folios.
///
/// One object for all of them, so that such a request makes no garbage; four bytes a frame. Only
/// the head frame of a run names it as owner. An entry belongs to whoever holds the run, so plain
/// access suffices.
final class LargeObjects {
    private final int[] requested;

    LargeObjects(int frames) {
        this.requested = new int[frames];
    }

    /// Bytes asked for in the run that begins at `run`.
    int requested(long run) {
        return requested[(int) run];
    }

    void requested(long run, int size) {
        requested[(int) run] = size;
    }

    @Override
    public String toString() {
        return "kmalloc";
    }
}
