/// The state of one thread as far as memory cares: the scope word, open scopes, excluded domains,
/// and one opaque slot per pool. For Polder's own modules; programs use `dev.polder.gfp`.
///
/// Lowest of the three packages of this module: it knows sites, domains and groups as opaque
/// objects, by identity, and prints them with `toString`.
@NullMarked
package dev.polder.task;

import org.jspecify.annotations.NullMarked;
