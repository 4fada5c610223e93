namespace WriteBehind.Health;

/// <summary>The names and tags of the health checks, to select them by.</summary>
public static class WriteBehindHealth
{
    /// <summary>The tag of every check of this library.</summary>
    public const string Tag = "writebehind";

    /// <summary>
    /// The tag of the checks that decide whether this process should be given work: Redis and the background loops. An absent
    /// PostgreSQL is not among them: writes go on without it, and to take every process out of service then would turn a late
    /// database into an outage.
    /// </summary>
    public const string ReadyTag = "ready";

    /// <summary>The check that Redis answers.</summary>
    public const string Buffer = "writebehind-redis";

    /// <summary>The check that the database takes batches.</summary>
    public const string Database = "writebehind-postgresql";

    /// <summary>The check that no unflushed write is too old.</summary>
    public const string Age = "writebehind-age";

    /// <summary>The check that Redis keeps what it acknowledges.</summary>
    public const string Durability = "writebehind-durability";

    /// <summary>The check that the engine's background loops run.</summary>
    public const string Loops = "writebehind-loops";
}

/// <summary>The settings of the health checks.</summary>
public sealed class WriteBehindHealthOptions
{
    /// <summary>
    /// Beyond how many times <see cref="EntityTypeOptions.MaxAge"/> an unflushed write turns health from degraded to unhealthy;
    /// default 3, at least 1. Lower alarms sooner, higher rides out short database outages.
    /// </summary>
    public double UnhealthyAgeFactor { get; set; } = 3;

    /// <summary>
    /// How long a background loop may go without finishing or failing a round before it counts as dead; default 2 min. Longer than
    /// the longest round: a batch of the database may take up to <see cref="EntityTypeOptions.StatementTimeout"/>.
    /// </summary>
    public TimeSpan LoopSilence { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>How long a check may take before it counts as failed; default 5 s.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// For how long one look at the engine answers all checks; default 0.5 s. Five checks of one probe then cost one round of Redis
    /// calls, however many probes there are.
    /// </summary>
    public TimeSpan ShareFor { get; set; } = TimeSpan.FromMilliseconds(500);

    internal void Validate()
    {
        if (double.IsNaN(UnhealthyAgeFactor) || UnhealthyAgeFactor < 1)
        {
            throw Wrong(nameof(UnhealthyAgeFactor), UnhealthyAgeFactor, "1 or more");
        }

        if (LoopSilence <= TimeSpan.Zero)
        {
            throw Wrong(nameof(LoopSilence), LoopSilence, "longer than zero");
        }

        if (Timeout <= TimeSpan.Zero)
        {
            throw Wrong(nameof(Timeout), Timeout, "longer than zero");
        }

        if (ShareFor < TimeSpan.Zero)
        {
            throw Wrong(nameof(ShareFor), ShareFor, "zero or longer");
        }
    }

    private static ConfigurationException Wrong(string setting, object value, string rule)
        => new($"{nameof(WriteBehindHealthOptions)}.{setting}", FormattableString.Invariant(
            $"{nameof(WriteBehindHealthOptions)}.{setting} is {value}; it must be {rule}."));
}
