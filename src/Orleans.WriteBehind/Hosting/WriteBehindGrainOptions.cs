namespace Orleans.WriteBehind;

/// <summary>The settings of write-behind in a silo, beside those of the engine. Validated at start-up.</summary>
public sealed class WriteBehindGrainOptions
{
    /// <summary>
    /// How long a grain waits for its flush, on its timer and on deactivation; default 5 s. Below the 30 s that Orleans gives a
    /// deactivation. What does not get through stays dirty in Redis and is flushed later.
    /// </summary>
    public TimeSpan FlushTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Refuse calls before they begin while the save they would end in would be refused (the buffer is full, Redis is away); default
    /// true. Only methods that have been seen to save are refused.
    /// </summary>
    public bool RefuseEarly { get; set; } = true;

    /// <summary>
    /// How many grains of the cluster share the sweep; default 4, at most 64. The same in all silos. More share a huge backlog
    /// better after a crash; each costs one reminder and a look at its shards every few seconds.
    /// </summary>
    public int SweepGrains { get; set; } = 4;
}
