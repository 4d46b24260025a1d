package dev.polder.cli;

import picocli.CommandLine.IVersionProvider;

/// What `polder --version` says.
public final class Version implements IVersionProvider {

    /// For picocli, which makes one.
    public Version() {}

    @Override
    public String[] getVersion() {
        String version = Version.class.getPackage().getImplementationVersion();
        return new String[] {"polder " + (version == null ? "(not from a jar)" : version),
            "Java " + Runtime.version() + ", " + System.getProperty("os.name") + " "
                    + System.getProperty("os.arch")};
    }
}
