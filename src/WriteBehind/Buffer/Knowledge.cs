namespace WriteBehind.Buffer;

/// <summary>
/// What a writer knows about an entity, and since when. The stamp is Redis' own time and epoch, not this process' clock: a process
/// that slept, or whose clock was set, can't believe its knowledge to be younger than it is. A write is accepted only on knowledge of
/// the same epoch that is younger than a fence lasts.
/// </summary>
/// <param name="Version">The version believed to be the current one; 0 for an entity that was never written.</param>
/// <param name="KnownAt">Redis time in ms, read before whatever the knowledge came from.</param>
/// <param name="Epoch">The shard's epoch at that time.</param>
internal readonly record struct Knowledge(long Version, long KnownAt, string Epoch)
{
    /// <summary>No knowledge at all.</summary>
    public static readonly Knowledge None = new(0, 0, string.Empty);
}
