using WriteBehind.Buffer;

namespace WriteBehind.Flushing;

/// <summary>What becomes of entities that the database rejects: tried again, a few times, then a dead letter.</summary>
internal sealed class Rejections(TypeParts parts, DeadLetterBox letters)
{
    /// <summary>
    /// How long a row waits for another one that it refers to, however often it is tried: that one may be dirty still. As long again after
    /// it
    /// was set aside, it is tried anew.
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
