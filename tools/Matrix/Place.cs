namespace Matrix;

/// <summary>Servers that a cell of the matrix runs on.</summary>
/// <param name="Redis">How the engine reaches Redis.</param>
/// <param name="Postgres">How it reaches the database.</param>
/// <param name="Direct">How to reach the database past any pooler, to look at it.</param>
/// <param name="Servers">What was started, the last first to end.</param>
internal sealed record Place(string Redis, string Postgres, string Direct, params IAsyncDisposable[] Servers) : IAsyncDisposable
{
    /// <summary>Disturbs the servers while the main job runs; null where nothing is to happen.</summary>
    public Func<Task>? Disturb { get; init; }

    /// <summary>How many replicas a write waits for.</summary>
    public int ReplicaAcknowledgements { get; init; }

    /// <summary>The hash of the certificate that Redis shows, where nobody else would trust it.</summary>
    public string? Trusted { get; init; }

    public async ValueTask DisposeAsync()
    {
        foreach (var server in Servers.Reverse())
        {
            await server.DisposeAsync();
        }
    }
}
