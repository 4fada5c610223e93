using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace WriteBehind.AspNetCore.Documents;

/// <summary>The status as JSON has it: durations are seconds.</summary>
internal sealed record StatusDocument(
    DateTimeOffset At,
    ProcessDocument Process,
    IReadOnlyList<TypeDocument> Types,
    DurabilityStatus Durability,
    IReadOnlyList<LoopStatus> Loops)
{
    public static StatusDocument From(EngineStatus status, ProcessDocument process, DateTimeOffset at)
        => new(at, process, [.. status.Types.Select(TypeDocument.From)], status.Durability, status.Loops);
}

/// <summary>The process that answers.</summary>
/// <param name="Machine">The name of its machine.</param>
/// <param name="Application">The name of its program.</param>
/// <param name="Id">Its process id.</param>
/// <param name="StartedAt">When it set up these endpoints. With another time here it is another process, or another life of it.</param>
internal sealed record ProcessDocument(string Machine, string Application, int Id, DateTimeOffset StartedAt);

/// <summary>
/// The figures of the last hour, one for each step of <paramref name="StepSeconds"/> seconds; null where there is none: of before the
/// process started, or because nobody answered.
/// </summary>
/// <param name="Process">The process that noted them.</param>
/// <param name="From">When the first step began.</param>
/// <param name="StepSeconds">How long a step is.</param>
/// <param name="Types">One entry per entity type.</param>
internal sealed record HistoryDocument(
    ProcessDocument Process, DateTimeOffset From, int StepSeconds, IReadOnlyList<TypeHistory> Types);

/// <summary>The history of one type. Dirty entities and their age are those of all processes, the rest is this process' own.</summary>
internal sealed record TypeHistory(
    string Type,
    IReadOnlyList<double?> WritesPerSecond,
    IReadOnlyList<double?> RowsPerSecond,
    IReadOnlyList<double?> AckP99Seconds,
    IReadOnlyList<double?> Dirty,
    IReadOnlyList<double?> OldestDirtyAgeSeconds);

/// <summary>
/// The status of one entity type as JSON has it. Whose figures they are it says itself: a reader who sums the backlog over processes
/// counts it several times.
/// </summary>
internal sealed record TypeDocument(
    string Type,
    long Dirty,
    double? OldestDirtyAgeSeconds,
    double MaxAgeSeconds,
    long MaxDirty,
    long DeadLetters,
    BreakerState Breaker,
    string? LastError,
    TypeCounters Counters,
    TypeRates Rates,
    DateTimeOffset? BacklogAt,
    DateTimeOffset? ShardsApartUntil,
    FlushPause? Pause,
    FigureScopes Scopes)
{
    public static TypeDocument From(TypeStatus status) => new(
        status.Type,
        status.Dirty,
        status.OldestDirtyAge?.TotalSeconds,
        status.MaxAge.TotalSeconds,
        status.MaxDirty,
        status.DeadLetters,
        status.Breaker,
        status.LastError,
        status.Counters,
        status.Rates,
        status.BacklogAt,
        status.ShardsApartUntil,
        status.Pause,
        FigureScopes.Are);
}

/// <summary>Whose the figures of a type are.</summary>
/// <param name="AllProcesses">What Redis has: the same whichever process is asked.</param>
/// <param name="ThisProcess">What the process that was asked has seen since it started.</param>
internal sealed record FigureScopes(IReadOnlyList<string> AllProcesses, IReadOnlyList<string> ThisProcess)
{
    public static readonly FigureScopes Are = new(
        ["dirty", "oldestDirtyAgeSeconds", "deadLetters", "pause"], ["breaker", "lastError", "counters", "rates", "shardsApartUntil"]);
}

/// <summary>The end of a pause.</summary>
/// <param name="Type">The entity type.</param>
/// <param name="WasPaused">Whether there was one.</param>
internal sealed record ResumeAnswer(string Type, bool WasPaused);

/// <summary>A flush of one entity: the database has it.</summary>
internal sealed record FlushAnswer(string Type, string Id, bool Flushed);

/// <summary>A health report as JSON has it.</summary>
internal sealed record HealthDocument(HealthStatus Status, double Seconds, IReadOnlyDictionary<string, HealthEntryDocument> Checks)
{
    /// <summary>Descriptions may quote errors of the database; they are left out for callers that may not see them.</summary>
    public static HealthDocument From(HealthReport report, bool withDescriptions) => new(
        report.Status,
        report.TotalDuration.TotalSeconds,
        report.Entries.ToDictionary(
            entry => entry.Key,
            entry => new HealthEntryDocument(entry.Value.Status, withDescriptions ? entry.Value.Description : null)));
}

/// <summary>One health check's answer as JSON has it.</summary>
internal sealed record HealthEntryDocument(HealthStatus Status, string? Description);

/// <summary>The documents' JSON. Fixed here, so that no setting of the host changes what operators' scripts rely on.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, UseStringEnumConverter = true)]
[JsonSerializable(typeof(StatusDocument))]
[JsonSerializable(typeof(HistoryDocument))]
[JsonSerializable(typeof(DeadLetterList))]
[JsonSerializable(typeof(CauseList))]
[JsonSerializable(typeof(DeadLetterDocument))]
[JsonSerializable(typeof(DeadLetterAction))]
[JsonSerializable(typeof(EntityDocument))]
[JsonSerializable(typeof(OldestDocument))]
[JsonSerializable(typeof(FlushReport))]
[JsonSerializable(typeof(FlushPause))]
[JsonSerializable(typeof(ResumeAnswer))]
[JsonSerializable(typeof(FlushAnswer))]
[JsonSerializable(typeof(StoreComparison))]
[JsonSerializable(typeof(HealthDocument))]
internal sealed partial class WriteBehindJson : JsonSerializerContext;

/// <summary>A dead letter with its state: as it is where it is JSON, in base 64 where it is not.</summary>
internal sealed record DeadLetterDocument(DeadLetter Letter, bool IsDelete, JsonElement? State, string? StateBase64)
{
    public static DeadLetterDocument From(DeadLetterDetail detail)
    {
        var state = StateDocument.From(new InspectedState(detail.Letter.Version, detail.IsDelete, detail.Payload));
        return new(detail.Letter, detail.IsDelete, state.State, state.StateBase64);
    }
}

/// <summary>A state as it was found somewhere: as it is where it is JSON, in base 64 where it is not.</summary>
internal sealed record StateDocument(
    long Version, bool IsDelete, JsonElement? State, string? StateBase64, double? ExpiresInSeconds)
{
    public static StateDocument From(InspectedState found)
    {
        var json = found.Json;
        return new(
            found.Version,
            found.IsDelete,
            json,
            json is null && found.Body is { } body ? Convert.ToBase64String(body.Span) : null,
            found.ExpiresIn?.TotalSeconds);
    }
}

/// <summary>One entity in all places, as JSON has it.</summary>
internal sealed record EntityDocument(
    string Type,
    string Id,
    DateTimeOffset At,
    StateDocument? Buffered,
    DateTimeOffset? DirtySince,
    DateTimeOffset? ClaimedUntil,
    long? Fence,
    double? FenceExpiresInSeconds,
    long Memos,
    DeadLetterDocument? DeadLetter,
    StateDocument? Row,
    string? RowError,
    string? KeyError,
    FlushPause? Pause)
{
    public static EntityDocument From(EntityInspection entity) => new(
        entity.Type,
        entity.Id,
        entity.At,
        entity.Buffered is { } buffered ? StateDocument.From(buffered) : null,
        entity.DirtySince,
        entity.ClaimedUntil,
        entity.Fence,
        entity.FenceExpiresIn?.TotalSeconds,
        entity.Memos,
        entity.DeadLetter is { } letter ? DeadLetterDocument.From(letter) : null,
        entity.Row is { } row ? StateDocument.From(row) : null,
        entity.RowError,
        entity.KeyError,
        entity.Pause);
}

/// <summary>The entities of a type that have been dirty for longest.</summary>
internal sealed record OldestDocument(string Type, int Limit, IReadOnlyList<DirtyDocument> Entities);

/// <summary>An entity with an unflushed write, as JSON has it.</summary>
internal sealed record DirtyDocument(string Id, DateTimeOffset Since, double AgeSeconds, DateTimeOffset? ClaimedUntil)
{
    public static DirtyDocument From(DirtyEntity entity) => new(entity.Id, entity.Since, entity.Age.TotalSeconds, entity.ClaimedUntil);
}

/// <summary>What was done to dead letters.</summary>
/// <param name="Type">The entity type.</param>
/// <param name="Id">The entity; null where it was done to many.</param>
/// <param name="Action"><c>retried</c> or <c>discarded</c>.</param>
/// <param name="Count">To how many.</param>
/// <param name="Failed">With how many it could not be done.</param>
internal sealed record DeadLetterAction(string Type, string? Id, string Action, long Count, long Failed);

/// <summary>Dead letters of a type, by id.</summary>
/// <param name="Type">The entity type.</param>
/// <param name="Limit">How many were asked for at most.</param>
/// <param name="Skip">How many were left out before them.</param>
/// <param name="Total">How many fit.</param>
/// <param name="IsWhole">Whether all letters of the type were looked at.</param>
/// <param name="Letters">The letters.</param>
/// <param name="Causes">What all letters of the type died of, whichever were asked for; null where that was not asked.</param>
internal sealed record DeadLetterList(
    string Type,
    int Limit,
    int Skip,
    long Total,
    bool IsWhole,
    IReadOnlyList<DeadLetter> Letters,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] CauseList? Causes = null);

/// <summary>What the dead letters of a type died of.</summary>
/// <param name="Type">The entity type.</param>
/// <param name="Total">How many letters fit.</param>
/// <param name="IsWhole">Whether all letters of the type were looked at.</param>
/// <param name="Distinct">How many causes there are.</param>
/// <param name="Causes">The most frequent of them.</param>
internal sealed record CauseList(string Type, long Total, bool IsWhole, int Distinct, IReadOnlyList<LetterCause> Causes);

/// <summary>Dead letters with the same reason, code and error, whatever names and numbers the error has in it.</summary>
/// <param name="Key">Names the cause, for a filter.</param>
/// <param name="Reason">Why they were set aside.</param>
/// <param name="Code">The database's code; null where there is none.</param>
/// <param name="Error">The error of one of them.</param>
/// <param name="Count">How many there are.</param>
/// <param name="First">When the first was set aside.</param>
/// <param name="Last">When the last was.</param>
internal sealed partial record LetterCause(
    string Key, DeadLetterReason Reason, string? Code, string Error, int Count, DateTimeOffset First, DateTimeOffset Last)
{
    public static IReadOnlyList<LetterCause> Of(IEnumerable<DeadLetter> letters) =>
    [
        .. letters.GroupBy(KeyOf, StringComparer.Ordinal)
            .Select(static group => new LetterCause(
                group.Key,
                group.First().Reason,
                group.First().Code,
                group.First().Error,
                group.Count(),
                group.Min(static letter => letter.SetAsideAt),
                group.Max(static letter => letter.SetAsideAt)))
            .OrderByDescending(static cause => cause.Count).ThenBy(static cause => cause.Key, StringComparer.Ordinal),
    ];

    /// <summary>The cause of a letter, short enough for a query.</summary>
    public static string KeyOf(DeadLetter letter)
    {
        var cause = $"{letter.Reason} {letter.Code} {Particulars().Replace(letter.Error, "…")}";
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(cause)).AsSpan(0, 8));
    }

    // What is in quotes or brackets names an entity, a value or a column, as numbers do.
    [GeneratedRegex("""'[^']*'|"[^"]*"|\([^)]*\)|\d+""")]
    private static partial Regex Particulars();
}
