using System.Text.Json;
using System.Text.Json.Serialization;

namespace WriteBehind;

/// <summary>
/// What is known of one entity, side by side: in Redis, in the database, and as a dead letter. What Redis has of the entity itself is of
/// one moment (<paramref name="At"/>); the dead letter, the memos and the row are read right after it, one after the other, so of an entity
/// that is written meanwhile they may be of a later one.
/// </summary>
/// <param name="Type">The registered name of its type.</param>
/// <param name="Id">Its id.</param>
/// <param name="At">When Redis was asked, by its clock.</param>
public sealed record EntityInspection(string Type, string Id, DateTimeOffset At)
{
    /// <summary>
    /// What Redis has of its state: one that is not flushed yet, one that is set aside, or a mere cache entry, which expires
    /// (<see cref="InspectedState.ExpiresIn"/>). Null where it has none: then the row counts.
    /// </summary>
    public InspectedState? Buffered { get; init; }

    /// <summary>Since when it has an unflushed write, by Redis' clock; null where it is clean.</summary>
    public DateTimeOffset? DirtySince { get; init; }

    /// <summary>Until when a flusher holds it, by Redis' clock; null where none does.</summary>
    public DateTimeOffset? ClaimedUntil { get; init; }

    /// <summary>
    /// The version that was flushed last, as Redis remembers it for <see cref="EntityTypeOptions.FenceTime"/>; else null.
    /// </summary>
    public long? Fence { get; init; }

    /// <summary>How long the fence lasts; null where there is none.</summary>
    public TimeSpan? FenceExpiresIn { get; init; }

    /// <summary>
    /// How many of its operations Redis remembers, at least: those with long names are kept as hashes, which tell no entity.
    /// </summary>
    public long Memos { get; init; }

    /// <summary>Its dead letter; null where there is none.</summary>
    public DeadLetterDetail? DeadLetter { get; init; }

    /// <summary>
    /// The row, with its state as the type's serializer writes it; null where there is none, or where it could not be read
    /// (<see cref="RowError"/>).
    /// </summary>
    public InspectedState? Row { get; init; }

    /// <summary>Why the row could not be read, without secrets; null where it was.</summary>
    public string? RowError { get; init; }

    /// <summary>What Redis says where a key of the entity holds something else than this library writes; null where not.</summary>
    public string? KeyError { get; init; }

    /// <summary>The pause of the type's flush; null where there is none.</summary>
    public FlushPause? Pause { get; init; }
}

/// <summary>A state as it was found in one place.</summary>
/// <param name="Version">Its version.</param>
/// <param name="IsDelete">Whether it is a delete that is not flushed yet.</param>
/// <param name="Body">The state as the type's serializer writes it, JSON by default; null for a delete.</param>
/// <param name="ExpiresIn">How long Redis keeps it, where it is a mere cache entry; else null.</param>
public sealed record InspectedState(
    long Version, bool IsDelete, [property: JsonIgnore] ReadOnlyMemory<byte>? Body, TimeSpan? ExpiresIn = null)
{
    /// <summary>The body as JSON; null where it is none.</summary>
    public JsonElement? Json => ReadJson(Body);

    internal static JsonElement? ReadJson(ReadOnlyMemory<byte>? body)
    {
        try
        {
            using var json = body is { } bytes ? JsonDocument.Parse(bytes) : null;
            return json?.RootElement.Clone();
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

/// <summary>An entity with an unflushed write.</summary>
/// <param name="Type">The registered name of its type.</param>
/// <param name="Id">Its id.</param>
/// <param name="Since">When the oldest of its unflushed writes was made, by Redis' clock.</param>
/// <param name="Age">How long ago that was.</param>
/// <param name="ClaimedUntil">Until when a flusher holds it, by Redis' clock; null where none does.</param>
public sealed record DirtyEntity(string Type, string Id, DateTimeOffset Since, TimeSpan Age, DateTimeOffset? ClaimedUntil);

/// <summary>What a comparison of what Redis holds of a type with the rows in the database found.</summary>
/// <param name="Type">The registered name of the type.</param>
/// <param name="Compared">How many entities Redis knows something of.</param>
/// <param name="Dirty">How many of them have unflushed writes: their rows are behind, as they should be.</param>
/// <param name="DeadLetters">
/// How many of them are dead letters. These are no differences: the state is kept, and an operator decides.
/// </param>
/// <param name="Differing">How many differ.</param>
/// <param name="Differences">Those that differ, at most the first thousand.</param>
/// <param name="Mended">How many of those that differed were mended, where that was asked for.</param>
public sealed record StoreComparison(
    string Type, long Compared, long Dirty, long DeadLetters, long Differing, IReadOnlyList<StoreDifference> Differences, long Mended);

/// <summary>An entity of which Redis and the database do not fit together.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Kind">What is wrong.</param>
/// <param name="Text">The same as a sentence, with versions.</param>
/// <param name="CanBeMended">Whether reconciling can mend it without losing anything.</param>
public sealed record StoreDifference(string Id, StoreDifferenceKind Kind, string Text, bool CanBeMended);

/// <summary>What is wrong with an entity of which Redis and the database do not fit together.</summary>
public enum StoreDifferenceKind
{
    /// <summary>
    /// The row is older than what was settled, or gone: the database lost it, or somebody set it back. Can be mended where Redis keeps the
    /// state (<see cref="AfterFlush.Keep"/>): it is flushed again.
    /// </summary>
    RowBehind,

    /// <summary>
    /// The row is newer than the unflushed state: another program raised its version. The next flush makes a dead letter of the state.
    /// </summary>
    RowAhead,

    /// <summary>
    /// The row is another than the clean entry that Redis keeps: another program changed it, and readers see the old state until the entry
    /// expires. Mended by dropping the entry.
    /// </summary>
    StaleEntry,

    /// <summary>There is a dirty mark, but its state is gone from Redis: an acknowledged write is lost. The row counts.</summary>
    StateLost,

    /// <summary>
    /// An unflushed state has lost its dirty mark, so no flusher would find it. Mended by marking it dirty again.
    /// </summary>
    MarkLost,

    /// <summary>A key of the entity holds something that this library did not write.</summary>
    UnexpectedKey,
}
