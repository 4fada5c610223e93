namespace Client.Verification;

/// <summary>
/// One look at an entity, read in this order while the service goes on. What is stored is read before and after the grain: the grain's
/// answer must lie in between.
/// </summary>
/// <param name="RowBefore">PostgreSQL's row, before the grain was asked.</param>
/// <param name="RedisBefore">What Redis had, before the grain was asked.</param>
/// <param name="Grain">What the grain answered.</param>
/// <param name="Redis">What Redis had, after that.</param>
/// <param name="Row">PostgreSQL's row, after all others.</param>
internal readonly record struct Observation(
    StoredState? RowBefore, BufferedState? RedisBefore, StoredState? Grain, BufferedState? Redis, StoredState? Row)
{
    /// <summary>What counted before: Redis where it has something, otherwise the row.</summary>
    private StoredState? Before => RedisBefore is { } buffered ? buffered.State : RowBefore;

    /// <summary>What counted after.</summary>
    private StoredState? After => Redis is { } buffered ? buffered.State : Row;

    // Null where neither has anything: of an entity that was deleted long ago nobody knows the version.
    private long? VersionBefore => RedisBefore?.Version ?? RowBefore?.Version;

    private long? VersionAfter => Redis?.Version ?? Row?.Version;

    /// <summary>A look at a moment in which nothing moves: what is stored afterwards must be exactly what the grain shows.</summary>
    public static Observation Still(StoredState? grain, BufferedState? redis, StoredState? row) => new(row, redis, grain, redis, row);

    /// <summary>What is wrong with the entity; null where nothing is.</summary>
    public string? FindDifference()
    {
        if (Grain is { } shown && VersionAfter is { } after && shown.Version > after)
        {
            return $"the grain has {Show(Grain)}, ahead of {Place(Redis)}, which has {Show(After, VersionAfter)}";
        }

        if (Grain != Before && Grain != After && !IsPassedOver)
        {
            return $"the grain has {Show(Grain)}, but {Place(Redis)} has {Show(After, VersionAfter)}";
        }

        return Redis switch
        {
            { } buffered when RowBefore?.Version > buffered.Version
                => $"PostgreSQL has {Show(RowBefore)}, which is ahead of Redis with version {buffered.Version}",
            { IsDirty: false } clean when Row != clean.State
                => $"Redis has {Show(clean.State, clean.Version)} and takes it for saved, but PostgreSQL has {Show(Row)}",
            _ => null,
        };
    }

    // Whether the answer may be one of the versions that came and went between the two reads.
    private bool IsPassedOver => VersionAfter is { } after
        && (Grain is { } shown ? shown.Version > (VersionBefore ?? 0) && shown.Version < after : after - (VersionBefore ?? 0) > 1);

    private static string Place(BufferedState? redis) => redis is null ? "PostgreSQL" : "Redis";

    private static string Show(StoredState? state, long? version = null)
        => state?.ToString() ?? (version is null ? "nothing" : $"a delete at version {version}");
}
