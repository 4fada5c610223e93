using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using WriteBehind.AspNetCore.Documents;
using WriteBehind.AspNetCore.Problems;

namespace WriteBehind.AspNetCore.Endpoints;

/// <summary>The flush of everything and the flush of a type.</summary>
internal static class FlushEndpoints
{
    // A request that hangs for longer is of no use to anybody; what it did not reach is flushed later anyway.
    public static readonly TimeSpan LongestTimeout = TimeSpan.FromSeconds(300);

    public static async Task<IResult> FlushAllAsync(HttpContext http, IWriteBehindEngine engine)
        => OperatorQuery.TryReadSeconds(http, OperatorQuery.TimeoutKey, LongestTimeout, out var timeout) is { } problem
            ? problem
            : Results.Json(
                await engine.FlushAllAsync(timeout, http.RequestAborted).ConfigureAwait(false), WriteBehindJson.Default.FlushReport);

    /// <summary>Pauses the flush of a type, in the name of the caller.</summary>
    public static async Task<IResult> PauseAsync(HttpContext http, IWriteBehindEngine engine, string type)
    {
        if (OperatorQuery.TryReadSeconds(http, "seconds", FlushPause.LongestDuration, out var duration) is { } problem)
        {
            return problem;
        }

        var pause = await engine.PauseAsync(type, duration, $"{OperatorNotes.By(http)} over HTTP", http.RequestAborted)
            .ConfigureAwait(false);
        OperatorNotes.Note(http, $"paused the flush of {type} until {pause.Until:u}");
        return Results.Json(pause, WriteBehindJson.Default.FlushPause);
    }

    public static async Task<IResult> ResumeAsync(HttpContext http, IWriteBehindEngine engine, string type)
    {
        var wasPaused = await engine.ResumeAsync(type, http.RequestAborted).ConfigureAwait(false);
        OperatorNotes.Note(http, $"resumed the flush of {type}");
        return Results.Json(new ResumeAnswer(type, wasPaused), WriteBehindJson.Default.ResumeAnswer);
    }
}

/// <summary>
/// Single entities, and the comparison of all of a type. An id may hold any characters ('/', '..', line breaks), and servers and proxies
/// decode, merge or refuse such paths each in their own way: so ids are in the query, never in the path.
/// </summary>
internal static class EntityEndpoints
{
    public static async Task<IResult> InspectAsync(HttpContext http, IWriteBehindEngine engine, string type)
        => OperatorQuery.TryReadId(http, out var id)
            ? Results.Json(
                EntityDocument.From(await engine.InspectAsync(type, id, http.RequestAborted).ConfigureAwait(false)),
                WriteBehindJson.Default.EntityDocument)
            : OperatorQuery.IdMissing();

    public static async Task<IResult> OldestAsync(HttpContext http, IWriteBehindEngine engine, string type)
    {
        if (OperatorQuery.TryReadLimit(http, out var limit) is { } problem)
        {
            return problem;
        }

        var oldest = await engine.OldestAsync(type, limit, http.RequestAborted).ConfigureAwait(false);
        return Results.Json(
            new OldestDocument(type, limit, [.. oldest.Select(DirtyDocument.From)]), WriteBehindJson.Default.OldestDocument);
    }

    public static async Task<IResult> FlushAsync(HttpContext http, IWriteBehindEngine engine, string type)
    {
        if (!OperatorQuery.TryReadId(http, out var id))
        {
            return OperatorQuery.IdMissing();
        }

        if (OperatorQuery.TryReadSeconds(http, OperatorQuery.TimeoutKey, FlushEndpoints.LongestTimeout, out var timeout) is { } problem)
        {
            return problem;
        }

        await engine.FlushAsync(type, id, timeout, http.RequestAborted).ConfigureAwait(false);
        return Results.Json(new FlushAnswer(type, id, true), WriteBehindJson.Default.FlushAnswer);
    }

    // A POST as well: it goes through all keys, so no page of another site may have it done.
    public static async Task<IResult> VerifyAsync(HttpContext http, IWriteBehindEngine engine, string type)
        => Results.Json(
            await engine.CompareAsync(type, mend: false, http.RequestAborted).ConfigureAwait(false),
            WriteBehindJson.Default.StoreComparison);

    public static async Task<IResult> ReconcileAsync(HttpContext http, IWriteBehindEngine engine, string type)
    {
        var found = await engine.CompareAsync(type, mend: true, http.RequestAborted).ConfigureAwait(false);
        OperatorNotes.Note(http, $"reconciled {found.Mended} entities of {type}");
        return Results.Json(found, WriteBehindJson.Default.StoreComparison);
    }
}

/// <summary>Dead letters over HTTP.</summary>
internal static class DeadLetterEndpoints
{
    /// <summary>How many letters of a type are looked through at most.</summary>
    private const int Most = 100_000;

    /// <summary>How many causes are told of.</summary>
    private const int MostCauses = 100;

    public static async Task<IResult> ListAsync(HttpContext http, IWriteBehindEngine engine, string type)
    {
        var (skip, withCauses, filter) = (0, false, default(LetterFilter));
        if ((OperatorQuery.TryReadLimit(http, out var limit) ?? OperatorQuery.TryReadSkip(http, out skip)
            ?? OperatorQuery.TryReadFlag(http, "causes", out withCauses) ?? LetterFilter.TryRead(http, out filter)) is { } problem)
        {
            return problem;
        }

        // All letters of a type are read for each answer: who wants the causes as well gets them with the same reading.
        var (all, isWhole) = await FindAsync(engine, type, default, http.RequestAborted).ConfigureAwait(false);
        var letters = filter.IsEmpty ? all : [.. all.Where(filter.Fits)];
        DeadLetter[] page = [.. letters.OrderBy(static letter => letter.Id, StringComparer.Ordinal).Skip(skip).Take(limit)];
        return Results.Json(
            new DeadLetterList(
                type, limit, skip, letters.Count, isWhole, page, withCauses ? CausesOf(type, all, isWhole) : null),
            WriteBehindJson.Default.DeadLetterList);
    }

    public static async Task<IResult> CausesAsync(HttpContext http, IWriteBehindEngine engine, string type)
    {
        if (LetterFilter.TryRead(http, out var filter) is { } problem)
        {
            return problem;
        }

        var (letters, isWhole) = await FindAsync(engine, type, filter, http.RequestAborted).ConfigureAwait(false);
        return Results.Json(CausesOf(type, letters, isWhole), WriteBehindJson.Default.CauseList);
    }

    public static async Task<IResult> ShowAsync(HttpContext http, IWriteBehindEngine engine, string type)
    {
        if (!OperatorQuery.TryReadId(http, out var id))
        {
            return OperatorQuery.IdMissing();
        }

        var detail = await engine.DeadLetters.ShowAsync(type, id, http.RequestAborted).ConfigureAwait(false);
        return detail is null
            ? NoLetter(type, id)
            : Results.Json(DeadLetterDocument.From(detail), WriteBehindJson.Default.DeadLetterDocument);
    }

    public static Task<IResult> RetryAsync(HttpContext http, IWriteBehindEngine engine, string type)
        => OneAsync(http, type, "retried", engine.DeadLetters.RetryAsync);

    public static Task<IResult> DiscardAsync(HttpContext http, IWriteBehindEngine engine, string type)
        => OneAsync(http, type, "discarded", engine.DeadLetters.DiscardAsync);

    public static async Task<IResult> RetryAllAsync(HttpContext http, IWriteBehindEngine engine, string type)
    {
        if (LetterFilter.TryReadAlone(http, out var filter) is { } problem)
        {
            return problem;
        }

        return filter.IsEmpty
            ? Done(http, type, null, "retried", await engine.DeadLetters.RetryAllAsync(type, http.RequestAborted).ConfigureAwait(false))
            : await EachAsync(http, engine, type, filter, "retried", engine.DeadLetters.RetryAsync).ConfigureAwait(false);
    }

    public static async Task<IResult> DiscardAllAsync(HttpContext http, IWriteBehindEngine engine, string type)
    {
        if (LetterFilter.TryReadAlone(http, out var filter) is { } problem)
        {
            return problem;
        }

        return filter.IsEmpty
            ? WriteBehindProblems.BadRequest("Say which are to be discarded: cause, reason or text.")
            : await EachAsync(http, engine, type, filter, "discarded", engine.DeadLetters.DiscardAsync).ConfigureAwait(false);
    }

    private static async Task<IResult> OneAsync(
        HttpContext http, string type, string action, Func<string, string, CancellationToken, Task<bool>> act)
    {
        if (!OperatorQuery.TryReadId(http, out var id))
        {
            return OperatorQuery.IdMissing();
        }

        return await act(type, id, http.RequestAborted).ConfigureAwait(false) ? Done(http, type, id, action, 1) : NoLetter(type, id);
    }

    private static async Task<IResult> EachAsync(
        HttpContext http,
        IWriteBehindEngine engine,
        string type,
        LetterFilter filter,
        string action,
        Func<string, string, CancellationToken, Task<bool>> act)
    {
        var (letters, _) = await FindAsync(engine, type, filter, http.RequestAborted).ConfigureAwait(false);
        var (done, failed) = (0L, 0L);
        try
        {
            foreach (var letter in letters)
            {
                try
                {
                    done += await act(type, letter.Id, http.RequestAborted).ConfigureAwait(false) ? 1 : 0;
                }
                catch (WriteBehindException e) when (e is PayloadException or WriteConflictException)
                {
                    // One that can't be dealt with keeps no other from it.
                    failed++;
                }
            }
        }
        catch when (done > 0)
        {
            // Also where it was broken off: what is done is done.
            OperatorNotes.Note(http, $"{action} {done} dead letters of {type}");
            throw;
        }

        return Done(http, type, null, action, done, failed);
    }

    private static async Task<(IReadOnlyList<DeadLetter> Letters, bool IsWhole)> FindAsync(
        IWriteBehindEngine engine, string type, LetterFilter filter, CancellationToken cancellationToken)
    {
        var letters = await engine.DeadLetters.ListAsync(type, Most, cancellationToken).ConfigureAwait(false);
        return (filter.IsEmpty ? letters : [.. letters.Where(filter.Fits)], letters.Count < Most);
    }

    private static CauseList CausesOf(string type, IReadOnlyList<DeadLetter> letters, bool isWhole)
    {
        var causes = LetterCause.Of(letters);
        return new CauseList(type, letters.Count, isWhole, causes.Count, [.. causes.Take(MostCauses)]);
    }

    private static ProblemHttpResult NoLetter(string type, string id)
        => WriteBehindProblems.NotFound($"There is no dead letter for {type} '{id}'.");

    private static JsonHttpResult<DeadLetterAction> Done(
        HttpContext http, string type, string? id, string action, long count, long failed = 0)
    {
        OperatorNotes.Note(http, id is null ? $"{action} {count} dead letters of {type}" : $"{action} the dead letter of {type} '{id}'");
        return TypedResults.Json(new DeadLetterAction(type, id, action, count, failed), WriteBehindJson.Default.DeadLetterAction);
    }
}

/// <summary>Which dead letters are meant.</summary>
/// <param name="Cause">The key of a <see cref="LetterCause"/>.</param>
/// <param name="Reason">Why they were set aside.</param>
/// <param name="Text">What their id, error or code has in it.</param>
internal readonly record struct LetterFilter(string? Cause, DeadLetterReason? Reason, string? Text)
{
    private static readonly string[] Keys = ["cause", "reason", "text"];

    public bool IsEmpty => Cause is null && Reason is null && Text is null;

    public bool Fits(DeadLetter letter)
        => (Reason is null || letter.Reason == Reason)
        && (Text is null || letter.Code == Text || letter.Error.Contains(Text, StringComparison.OrdinalIgnoreCase)
            || letter.Id.Contains(Text, StringComparison.OrdinalIgnoreCase))
        && (Cause is null || LetterCause.KeyOf(letter) == Cause);

    public static ProblemHttpResult? TryRead(HttpContext http, out LetterFilter filter)
    {
        var query = http.Request.Query;
        filter = default;
        if (Array.Find(Keys, key => query.TryGetValue(key, out var values) && values.Count != 1) is { } twice)
        {
            return WriteBehindProblems.BadRequest($"{twice} is there more than once.");
        }

        string? reasonText = query["reason"];
        if (reasonText is not null && (!Enum.TryParse<DeadLetterReason>(reasonText, true, out _) || int.TryParse(reasonText, out _)))
        {
            return WriteBehindProblems.BadRequest(
                $"reason is '{reasonText}'; it must be one of {string.Join(", ", Enum.GetNames<DeadLetterReason>())}.");
        }

        DeadLetterReason? reason = reasonText is null ? null : Enum.Parse<DeadLetterReason>(reasonText, true);
        filter = new(NullIfEmpty(query["cause"]), reason, NullIfEmpty(query["text"]));
        return null;
    }

    /// <summary>The same for what is done to many: a misspelt name must not make it all of them.</summary>
    public static ProblemHttpResult? TryReadAlone(HttpContext http, out LetterFilter filter)
    {
        filter = default;
        return http.Request.Query.Keys.FirstOrDefault(static key => !Keys.Contains(key, StringComparer.OrdinalIgnoreCase)) is { } other
            ? WriteBehindProblems.BadRequest($"There is no '{other}' here; only {string.Join(", ", Keys)}.")
            : http.Request.Query.Any(static pair => string.IsNullOrEmpty(pair.Value))
                ? WriteBehindProblems.BadRequest("A filter without a value would mean all letters; leave it out where that is meant.")
                : TryRead(http, out filter);
    }

    private static string? NullIfEmpty(string? text) => string.IsNullOrEmpty(text) ? null : text;
}

/// <summary>What requests say in their query.</summary>
internal static class OperatorQuery
{
    public const string TimeoutKey = "timeoutSeconds";

    private const int DefaultLimit = 100;
    private const int LargestLimit = 1_000;

    /// <summary>Reads a time; null where there is none.</summary>
    /// <returns>What is wrong with it.</returns>
    public static ProblemHttpResult? TryReadSeconds(HttpContext http, string key, TimeSpan longest, out TimeSpan? time)
    {
        time = null;
        if (!http.Request.Query.TryGetValue(key, out var text))
        {
            return null;
        }

        // Written so that NaN, which compares false with everything, is refused as well.
        if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var seconds)
            || !(seconds >= 0.001 && seconds <= longest.TotalSeconds))
        {
            return WriteBehindProblems.BadRequest(
                FormattableString.Invariant($"{key} is '{text}'; it must be a number from 0.001 to {longest.TotalSeconds}."));
        }

        time = TimeSpan.FromSeconds(seconds);
        return null;
    }

    public static ProblemHttpResult? TryReadLimit(HttpContext http, out int limit)
    {
        limit = DefaultLimit;
        return !http.Request.Query.TryGetValue("limit", out var text)
            || (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out limit) && limit is >= 1 and <= LargestLimit)
                ? null
                : WriteBehindProblems.BadRequest($"limit is '{text}'; it must be a whole number from 1 to {LargestLimit}.");
    }

    public static ProblemHttpResult? TryReadSkip(HttpContext http, out int skip)
    {
        skip = 0;
        return !http.Request.Query.TryGetValue("skip", out var text)
            || int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out skip)
                ? null
                : WriteBehindProblems.BadRequest($"skip is '{text}'; it must be a whole number from 0.");
    }

    public static ProblemHttpResult? TryReadFlag(HttpContext http, string key, out bool flag)
    {
        flag = false;
        return !http.Request.Query.TryGetValue(key, out var text) || bool.TryParse(text, out flag)
            ? null
            : WriteBehindProblems.BadRequest($"{key} is '{text}'; it must be true or false.");
    }

    public static bool TryReadId(HttpContext http, out string id)
    {
        var values = http.Request.Query["id"];
        id = values.Count == 1 ? values.ToString() : "";
        return id.Length > 0;
    }

    public static ProblemHttpResult IdMissing()
        => WriteBehindProblems.BadRequest("Name the entity once, in the query: ?id=… with its characters percent-encoded.");
}

/// <summary>Notes in the log what was changed, and who asked for it.</summary>
internal static partial class OperatorNotes
{
    public static string By(HttpContext http)
        => http.User.Identity is { IsAuthenticated: true, Name: { Length: > 0 } name } ? name : "a caller without a name";

    public static void Note(HttpContext http, string action)
        => Noted(http.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger("WriteBehind.AspNetCore"), By(http), action);

    [LoggerMessage(1, LogLevel.Warning, "Over HTTP, {By}: {Action}")]
    private static partial void Noted(ILogger logger, string by, string action);
}
