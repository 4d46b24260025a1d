package dev.polder.gfp;

import dev.polder.task.ScopeReports;

/// Connects the thread states below with the events here, once, before the first scope is opened.
final class Wiring {
    static {
        ScopeReports.install(new ToEvents());
    }

    private Wiring() {}

    /// Does nothing but be initialised.
    static void touch() {}

    private static final class ToEvents extends ScopeReports {
        @Override
        public void leaked(String thread, String scopes) {
            PolderEvents.reporter().scopeLeaked(thread, scopes);
        }

        @Override
        public void crossed(String thread, String what) {
            PolderEvents.reporter().tokenCrossed(thread, what);
        }

        @Override
        public void openTooLong(String thread, String scope, long seconds) {
            PolderEvents.reporter().scopeOpenTooLong(thread, scope, seconds);
        }
    }
}
