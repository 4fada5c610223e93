namespace WriteBehind.Flushing;

/// <summary>
/// A part of every type's shards, for several sweepers to share the work: shard s belongs to part s modulo the number of parts.
/// </summary>
/// <param name="Index">Which part, from 0.</param>
/// <param name="Of">How many parts there are.</param>
internal readonly record struct SweepPart(int Index, int Of)
{
    /// <summary>All shards.</summary>
    public static readonly SweepPart All = new(0, 1);

    public bool Has(int shard) => shard % Of == Index;
}
