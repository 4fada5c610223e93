namespace WriteBehind.TestTools;

/// <summary>How a private PostgreSQL is started.</summary>
public sealed record PostgresServerOptions
{
    /// <summary>
    /// Whether commits are forced to disk; default true. Off makes commits quicker; a killed server still keeps what it
    /// committed, as long as the machine stays up.
    /// </summary>
    public bool Fsync { get; init; } = true;

    /// <summary>The most connections it accepts; default 100.</summary>
    public int MaxConnections { get; init; } = 100;

    /// <summary>Which release of PostgreSQL it is; default the one that is installed.</summary>
    public PostgresRelease Release { get; init; } = PostgresRelease.Installed;

    /// <summary>Further settings, each as <c>name=value</c>.</summary>
    public IReadOnlyList<string> ExtraSettings { get; init; } = [];
}

/// <summary>A release of PostgreSQL that tests can run on.</summary>
public enum PostgresRelease
{
    /// <summary>The one that is installed: 15 or newer.</summary>
    Installed,

    /// <summary>PostgreSQL 18, which <c>scripts/servers.sh</c> finds or downloads.</summary>
    Eighteen,
}
