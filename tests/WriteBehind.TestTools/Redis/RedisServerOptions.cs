namespace WriteBehind.TestTools;

/// <summary>How a private Redis is started.</summary>
public sealed record RedisServerOptions
{
    /// <summary>For tests in which Redis does not answer: they wait for it. Longer than a busy machine stands still.</summary>
    internal static readonly TimeSpan ShortTimeout = TimeSpan.FromSeconds(4);

    /// <summary>How long clients wait for an answer; default 8 s.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(8);

    /// <summary>Whether there is an append-only file; default true.</summary>
    public bool AppendOnly { get; init; } = true;

    /// <summary>
    /// When that file is forced to disk: <c>everysec</c> (default), <c>always</c> or <c>no</c>. While a slow disk keeps
    /// <c>everysec</c> busy Redis may answer before it has written at all; a test that kills Redis and counts on every single
    /// acknowledged write wants <c>always</c>.
    /// </summary>
    public string AppendFsync { get; init; } = "everysec";

    /// <summary>What happens when memory is full; default <c>noeviction</c>.</summary>
    public string MaxMemoryPolicy { get; init; } = "noeviction";

    /// <summary>The password that clients need; null for none.</summary>
    public string? Password { get; init; }

    /// <summary>Whether it can be a node of a cluster.</summary>
    public bool ClusterEnabled { get; init; }

    /// <summary>
    /// Whether its settings are in a file, in which a sentinel notes whose replica it is: otherwise it begins anew with each start.
    /// </summary>
    public bool HasFile { get; init; }

    /// <summary>The loopback port of the master that it replicates; null for a master.</summary>
    public int? ReplicaOf { get; init; }

    /// <summary>Further arguments of <c>redis-server</c>.</summary>
    public IReadOnlyList<string> ExtraArguments { get; init; } = [];
}
