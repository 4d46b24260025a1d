/// Tests of the whole manager through its front door.
@NullMarked
package dev.polder;

import org.jspecify.annotations.NullMarked;
