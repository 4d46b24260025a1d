/// Rule packs: what allocates, reclaims and waits in programs that know nothing of Polder.
@NullMarked
package dev.polder.lockdep.rules;

import org.jspecify.annotations.NullMarked;
