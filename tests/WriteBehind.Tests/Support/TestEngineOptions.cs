namespace WriteBehind.Tests.Support;

/// <summary>What a <see cref="TestEngine"/> is made of; anything not said is fresh and shared.</summary>
public sealed record TestEngineOptions
{
    /// <summary>The StackExchange.Redis configuration; null for the shared server.</summary>
    public string? Redis { get; init; }

    /// <summary>The connection string; null for a fresh database on the shared server, with the table.</summary>
    public string? Postgres { get; init; }

    /// <summary>
    /// The key prefix; null for a fresh one. Two engines with the same one (and database) are two processes of one service.
    /// </summary>
    public string? Prefix { get; init; }

    /// <summary>The probe before the sink; null for one of its own. Two engines with the same one are watched together.</summary>
    public SinkProbe? Probe { get; init; }

    /// <summary>Whether it sweeps by itself; off by default, so that tests decide what is flushed when.</summary>
    public bool Sweep { get; init; }

    /// <summary>Changes the engine's settings.</summary>
    public Action<WriteBehindOptions>? Engine { get; init; }

    /// <summary>Changes the settings of the entity type <c>item</c>.</summary>
    public Action<EntityTypeOptions<Item>>? Item { get; init; }

    /// <summary>Registers more.</summary>
    public Action<WriteBehindBuilder>? More { get; init; }
}
