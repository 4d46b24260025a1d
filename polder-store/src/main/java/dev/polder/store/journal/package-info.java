/// The journal: handles, commit groups, the log on the disk, the committer, and recovery.
@NullMarked
package dev.polder.store.journal;

import org.jspecify.annotations.NullMarked;
