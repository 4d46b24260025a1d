/// A small crash-safe ordered key-value store in a pool of Polder.
module dev.polder.store {
    requires transitive dev.polder.core;
    requires transitive dev.polder.scope;
    requires static transitive org.jspecify; // annotations in exported signatures

    exports dev.polder.store;
}
