package dev.polder.lockdep.junit;

import dev.polder.lockdep.engine.Hooks;
import dev.polder.lockdep.engine.Report;
import dev.polder.lockdep.polder.Wiring;
import dev.polder.lockdep.report.Findings;
import dev.polder.lockdep.report.Suppressions;
import dev.polder.lockdep.report.TextReport;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/// Fails the test in which a new finding appears: `@ExtendWith(LockdepExtension.class)`.
///
/// With the agent in the JVM every lock is watched. Without it only what is announced: Polder's
/// allocations and reclaim, and the locks that a `ReclaimDomain` guards. A finding made on another
/// thread fails the test that runs then; one made between tests, the class. System properties, for
/// a JVM without the agent: `dev.polder.lockdep.suppress` names a file of suppressions,
/// `dev.polder.lockdep.force` makes every n-th allocation run the shrinkers first.
///
/// It lies in a jar of its own (the classifier `junit`), because what is in the agent's jar is seen
/// by the bootstrap loader, which has no JUnit.
public final class LockdepExtension implements BeforeAllCallback, AfterAllCallback,
        BeforeEachCallback, AfterEachCallback {
    private static final ExtensionContext.Namespace NAMESPACE =
            ExtensionContext.Namespace.create(LockdepExtension.class);
    private static final String KNOWN = "known";

    /// Findings that failed some test already. Guarded by the class.
    private static int told;

    /// Listens from here on, so that what a class sets up for all its tests is heard as well.
    @Override
    public void beforeAll(ExtensionContext context) {
        remember(context);
    }

    @Override
    public void beforeEach(ExtensionContext context) {
        remember(context);
    }

    @Override
    public void afterEach(ExtensionContext context) {
        failIfNew(context);
    }

    @Override
    public void afterAll(ExtensionContext context) {
        failIfNew(context);
    }

    private static void remember(ExtensionContext context) {
        context.getStore(NAMESPACE).put(KNOWN, findings().reports().size());
    }

    /// Fails for what came since the context began and failed nobody yet.
    private static synchronized void failIfNew(ExtensionContext context) {
        List<Report> reports = findings().reports();
        Integer before = context.getStore(NAMESPACE).remove(KNOWN, Integer.class);
        int known = Math.max(told, before == null ? 0 : before);
        told = Math.max(told, reports.size());
        if (reports.size() > known) {
            StringBuilder text = new StringBuilder("the lock checker found something new\n");
            for (Report r : reports.subList(known, reports.size())) {
                text.append(TextReport.of(r));
            }
            throw new AssertionError(text.toString());
        }
    }

    /// The findings of this JVM; where no agent has begun to collect them, that is done now.
    private static synchronized Findings findings() {
        Findings present = Findings.ofThisJvm();
        if (present != null) {
            return present;
        }
        String file = System.getProperty("dev.polder.lockdep.suppress");
        Findings mine = new Findings(
                file == null ? Suppressions.none() : Suppressions.read(Path.of(file)));
        Hooks.ENGINE.listener(mine);
        Wiring.installWithoutAgent(
                Hooks.ENGINE, Integer.getInteger("dev.polder.lockdep.force", 0));
        Findings.ofThisJvm(mine);
        return mine;
    }
}
