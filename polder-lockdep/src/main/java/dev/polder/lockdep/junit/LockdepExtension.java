package dev.polder.lockdep.junit;

import dev.polder.lockdep.engine.Hooks;
import dev.polder.lockdep.engine.Report;
import dev.polder.lockdep.polder.Wiring;
import dev.polder.lockdep.report.Findings;
import dev.polder.lockdep.report.Suppressions;
import dev.polder.lockdep.report.TextReport;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/// Fails the test in which a new finding appears: `@ExtendWith(LockdepExtension.class)`.
///
/// With the agent in the JVM every lock is watched. Without it only what is announced: Polder's
/// allocations and reclaim, and the locks that a `ReclaimDomain` guards. A finding made on another
/// thread fails the test that runs then. System properties, for a JVM without the agent:
/// `dev.polder.lockdep.suppress` names a file of suppressions, `dev.polder.lockdep.force` makes
/// every n-th allocation run the shrinkers first.
public final class LockdepExtension implements BeforeEachCallback, AfterEachCallback {
    private static final ExtensionContext.Namespace NAMESPACE =
            ExtensionContext.Namespace.create(LockdepExtension.class);

    @Override
    public void beforeEach(ExtensionContext context) throws IOException {
        Findings findings = findings();
        context.getStore(NAMESPACE).put("before", findings.reports().size());
    }

    @Override
    public void afterEach(ExtensionContext context) throws IOException {
        Integer before = context.getStore(NAMESPACE).remove("before", Integer.class);
        List<Report> reports = findings().reports();
        int known = before == null ? 0 : before;
        if (reports.size() > known) {
            StringBuilder text = new StringBuilder("the lock checker found something new\n");
            for (Report r : reports.subList(known, reports.size())) {
                text.append(TextReport.of(r));
            }
            throw new AssertionError(text.toString());
        }
    }

    /// The findings of this JVM; where no agent has begun to collect them, that is done now.
    private static synchronized Findings findings() throws IOException {
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
