using WriteBehind.Buffer;

namespace WriteBehind.Flushing;

/// <summary>What becomes of entities that the database rejects: tried again, a few times, then a dead letter.</summary>
internal sealed class Rejections(TypeParts parts, DeadLetterBox letters)
{
    /// <summary>
    /// How long a row waits for another one that it refers to, however often it is tried: that one may be dirty still. As long again after
    /// it was set aside, it is tried anew.
    /// </summary>
    public static TimeSpan PatienceOf(EntityTypeOptions options) => options.MaxAge * 3;

    /// <summary>Notes one more, and ends its flush.</summary>
    public async Task AddAsync(FlushItem item, Exception error)
    {
        // A delete that others refer to may be early, too; but there it is as likely that they are to stay.
        var waits = Blame.IsOfReference(error) && item.Payload is not null;
        var (attempts, firstAt, isLast) = parts.Ledger.Reject(
            item.Id, Blame.CodeOf(error), waits ? PatienceOf(parts.Options) : TimeSpan.Zero);
        if (waits && !isLast)
        {
            if (attempts == 1)
            {
                FlushLog.WaitsForOthers(parts.Logger, parts.Options.Type, item.Id, error.Message);
            }

            item.End(FlushOutcome.Blocked, error);
            return;
        }

        FlushLog.Rejected(parts.Logger, parts.Options.Type, item.Id, item.Version, attempts, error.Message);
        if (!isLast)
        {
            item.End(FlushOutcome.Rejected, error);
            return;
        }

        var dead = await letters.SetAsideAsync(item, DeadLetterReason.Rejected, error, attempts, firstAt).ConfigureAwait(false);
        item.End(dead ? FlushOutcome.Dead : FlushOutcome.Overtaken, error);
    }
}

/// <summary>What an error says about whose fault it is. The codes are SQLSTATEs, whose classes are the SQL standard's.</summary>
internal static class Blame
{
    private const string MissingReference = "23503";

    /// <summary>
    /// Whether the error proves itself: data that does not fit (22), a broken constraint (23) or check option (44), a row that is too large
    /// (54). A trigger may raise any other for all rows, and what a row refers to may come with the next flush of another type.
    /// </summary>
    public static bool IsOfValue(Exception error) => error is SinkException
    {
        Failure: SinkFailure.Entity,
        Code: not MissingReference and (['2', '2', ..] or ['2', '3', ..] or ['4', '4', ..] or ['5', '4', ..]),
    };

    /// <summary>Whether what the row refers to is not there (yet): its entity may be dirty still.</summary>
    public static bool IsOfReference(Exception error) => error is SinkException { Code: MissingReference };

    /// <inheritdoc cref="IsOfReference(Exception)" />
    public static bool IsOfReference(string? code) => code == MissingReference;

    /// <summary>What tells one error from another.</summary>
    public static string CodeOf(Exception error) => (error as SinkException)?.Code ?? error.GetBaseException().GetType().Name;

    /// <summary>An error that all of a type meet.</summary>
    public static SinkException OfNobody(Exception error, string type) => error is SinkException { Failure: SinkFailure.Statement } known
        ? known
        : new SinkException(
            SinkFailure.Statement,
            $"Nothing of '{type}' can be saved, so no entity is to blame: {error.Message}",
            (error as SinkException)?.Code,
            type,
            cause: error);
}
