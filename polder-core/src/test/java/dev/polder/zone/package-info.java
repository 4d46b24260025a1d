/// Tests of the zone.
@NullMarked
package dev.polder.zone;

import org.jspecify.annotations.NullMarked;
