namespace Orleans.WriteBehind.Sweep;

/// <summary>
/// Sweeps a part of every type's shards. There is a fixed set of these grains, keyed 0 to <see cref="WriteBehindGrainOptions.SweepGrains"/> less
/// one, each with one reminder: whatever crashed, one of the silos that are left wakes them.
/// </summary>
[Alias("writebehind.sweep")]
internal interface ISweepGrain : IGrainWithIntegerKey, IRemindable
{
    /// <summary>Activates it, and registers its reminder.</summary>
    [Alias("wake")]
    Task WakeAsync();
}
