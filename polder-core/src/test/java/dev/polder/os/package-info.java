/// Tests of the operating-system layer.
@NullMarked
package dev.polder.os;

import org.jspecify.annotations.NullMarked;
