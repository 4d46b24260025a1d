/// The memory manager. [dev.polder.Polder] is the way in; the other exported packages hold the
/// layers that it hands out, and the clock that a test puts into its configuration.
@SuppressWarnings("module") // the friends are built later than this module
module dev.polder.core {
    requires java.management;
    requires transitive dev.polder.scope;
    requires static transitive org.jspecify;

    exports dev.polder;
    exports dev.polder.debug;
    exports dev.polder.kv;
    exports dev.polder.memgroup;
    exports dev.polder.mempool;
    exports dev.polder.os;
    exports dev.polder.page;
    exports dev.polder.slab;
    exports dev.polder.stat;
    exports dev.polder.vmalloc;

    exports dev.polder.base to dev.polder.store;
}
