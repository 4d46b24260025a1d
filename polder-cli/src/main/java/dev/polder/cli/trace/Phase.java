package dev.polder.cli.trace;

/// The parts of a run, in their order. In the first two one store works while the other's memory
/// lies idle: what a writer may take then is what the policies differ in.
public enum Phase {
    /// The text store is updated; nobody touches the index.
    TEXTS_WRITE("texts write, index idle", true, false),
    /// The index is rebuilt; nobody touches the texts.
    INDEX_REBUILD("index rebuilds, texts idle", false, true),
    /// Both stores are written.
    BOTH_WRITE("both write", true, true),
    /// Nobody writes.
    READS_ONLY("reads only", false, false);

    private final String title;
    private final boolean texts;
    private final boolean index;

    Phase(String title, boolean texts, boolean index) {
        this.title = title;
        this.texts = texts;
        this.index = index;
    }

    /// The phase's name for people.
    public String title() {
        return title;
    }

    /// Whether the actor has operations in this phase.
    public boolean has(Actor actor) {
        return switch (actor) {
            case TEXTS_WRITER -> texts;
            case INDEX_WRITER -> index;
            case CLIENT_1, CLIENT_2 -> true;
        };
    }

    /// Whether clients may use the text store.
    public boolean readsTexts() {
        return texts || this == READS_ONLY;
    }

    /// Whether clients may use the index.
    public boolean readsIndex() {
        return index || this == READS_ONLY;
    }
}
