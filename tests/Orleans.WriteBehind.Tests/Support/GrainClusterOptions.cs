using Orleans.TestingHost;
using WriteBehind;

namespace Orleans.WriteBehind.Tests.Support;

/// <summary>What a <see cref="GrainCluster"/> is made of; anything not said is fresh and shared.</summary>
public sealed record GrainClusterOptions
{
    /// <summary>A time so long that nothing that waits for it happens within a test.</summary>
    public static readonly TimeSpan Never = TimeSpan.FromMinutes(30);

    public short Silos { get; init; } = 1;

    /// <summary>The StackExchange.Redis configuration; null for the shared server.</summary>
    public string? Redis { get; init; }

    /// <summary>The connection string; null for a fresh database on the shared server, with the tables.</summary>
    public string? Postgres { get; init; }

    /// <summary>The key prefix; null for a fresh one.</summary>
    public string? Prefix { get; init; }

    /// <summary>The flush delay of all types.</summary>
    public TimeSpan FlushDelay { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// The maximum age of all types; half of it is what the sweep waits for. Long by default, so that timers flush and not the sweep.
    /// </summary>
    public TimeSpan MaxAge { get; init; } = Never;

    /// <summary>Changes the settings of all types.</summary>
    public Action<EntityTypeOptions>? Entities { get; init; }

    /// <summary>Changes the engine's settings.</summary>
    public Action<WriteBehindOptions>? Engine { get; init; }

    /// <summary>Changes the grains' settings.</summary>
    public Action<WriteBehindGrainOptions>? Grains { get; init; }

    /// <summary>Adds to the silos.</summary>
    public Action<ISiloBuilder>? Silo { get; init; }

    /// <summary>Changes the cluster.</summary>
    public Action<InProcessTestClusterBuilder>? Client { get; init; }

    internal void Apply(EntityTypeOptions entity)
    {
        entity.FlushDelay = FlushDelay;
        entity.MaxAge = MaxAge > FlushDelay ? MaxAge : FlushDelay;
        entity.RetryDelay = TimeSpan.FromMilliseconds(20);
        entity.Lease = TimeSpan.FromSeconds(6);
        entity.StatementTimeout = TimeSpan.FromSeconds(4);
        entity.Shards = 4;
        Entities?.Invoke(entity);
    }
}
