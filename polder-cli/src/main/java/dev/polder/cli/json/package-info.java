/// JSON as the commands need it: values of maps, lists, strings, numbers, booleans and null.
@NullMarked
package dev.polder.cli.json;

import org.jspecify.annotations.NullMarked;
