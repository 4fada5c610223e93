using System.Runtime.CompilerServices;
using WriteBehind.Buffer;
using WriteBehind.Common;
using WriteBehind.Flushing;
using WriteBehind.Redis;

namespace WriteBehind.Writing;

/// <summary>
/// Sends a write until its outcome is known. A write whose answer got lost is sent again with the same nonce, which the script
/// recognises: it is applied at most once, however often it arrives. Every write names the version it goes on top of, a plain put too:
/// one that arrives late, or once more, meets another version and is refused instead of going on top of what others wrote after it.
/// </summary>
internal sealed class EntityWriter(TypeParts parts, IWriteSignals signals)
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(500);

    /// <summary>How long a write is tried in vain before others need not be sent as well.</summary>
    private static readonly TimeSpan StuckAfter = TimeSpan.FromMilliseconds(500);

    private readonly EntityTypeOptions _options = parts.Options;
    private readonly TimeProvider _time = parts.Time;

    /// <summary>Writes a payload, or with null a tombstone.</summary>
    /// <param name="id">The entity.</param>
    /// <param name="known">What it goes on top of.</param>
    /// <param name="payload">The payload.</param>
    /// <param name="changes">How many changes it carries out, each with a version of its own.</param>
    /// <param name="isRemembered">Whether what is known counts only while Redis has it.</param>
    /// <param name="memos">The operations among them; null for none.</param>
    /// <exception cref="OverflowException">The row brought a version at the end of 64 bits.</exception>
    /// <exception cref="BufferUnavailableException">Redis stayed away for the write time-out; the error says whether the outcome is
    /// unknown.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<WriteReply> WriteAsync(
        string id, Knowledge known, byte[]? payload, int changes = 1, bool isRemembered = false, PendingMemo[]? memos = null)
    {
        if (known.Version >= long.MaxValue - changes)
        {
            throw new OverflowException(
                $"{_options.Type} '{id}' was not written: after its version {known.Version} there are not enough others. Give its row a " +
                "smaller one.");
        }

        var request = new WriteRequest(
            id, known, payload, Nonces.New(isPut: payload is not null, known.Epoch), changes, isRemembered, memos,
            memos is null ? 0 : parts.Buffer.Memos.WeightOf(memos));
        var started = _time.GetTimestamp();
        var unknown = false;
        var isStuck = false;
        var full = false;
        try
        {
            for (var pause = FirstPause; ; pause = Pauses.Longer(pause, LongestPause))
            {
                try
                {
                    WriteReply reply;
                    do
                    {
                        reply = await parts.Buffer.WriteAsync(request).ConfigureAwait(false);
                    }
                    while (reply.Status == WriteStatus.Again);

                    if (reply.Status != WriteStatus.Ok && unknown)
                    {
                        // An earlier sending may have been applied and then overwritten, or may still be on its way.
                        throw Unknown(id, _time.GetElapsedTime(started), null);
                    }

                    Note(id, reply.Status);
                    return reply.Status == WriteStatus.Error ? throw UnexpectedKey(id, reply.Error) : reply;
                }
                catch (BufferUnavailableException e) when (e.EntityId is null)
                {
                    unknown |= e.OutcomeUnknown;
                    full = RedisErrors.IsOutOfMemory(e);
                    if (_time.GetElapsedTime(started) + pause >= parts.Engine.Options.WriteTimeout)
                    {
                        throw unknown
                            ? Unknown(id, _time.GetElapsedTime(started), e)
                            : new BufferUnavailableException(
                                $"{_options.Type} '{id}' was not written. {e.Message}", false, _options.Type, id, e);
                    }
                }

                if (full)
                {
                    await parts.Engine.CleanEntries.EvictAsync().ConfigureAwait(false);
                    full = false;
                }

                if (!isStuck && _time.GetElapsedTime(started) >= StuckAfter)
                {
                    isStuck = true;
                    signals.Stuck(id);
                }

                await Task.Delay(pause, _time).ConfigureAwait(false);
            }
        }
        finally
        {
            if (isStuck)
            {
                signals.Unstuck(id);
            }
        }
    }

    private void Note(string id, WriteStatus status)
    {
        if (status == WriteStatus.Full)
        {
            signals.Full(id);
        }
        else if (status == WriteStatus.Ok)
        {
            signals.Acknowledged(id);
        }
    }

    private BufferUnavailableException Unknown(string id, TimeSpan waited, BufferUnavailableException? cause)
    {
        var why = cause is null || RedisErrors.IsSilence(cause)
            ? $"Redis did not say within {waited.TotalSeconds:0.0} s (WriteTimeout)."
            : $"{cause.Message} It was tried for {waited.TotalSeconds:0.0} s (WriteTimeout).";
        return new BufferUnavailableException(
            $"Whether {_options.Type} '{id}' was written is unknown: {why} Load it to find out.",
            outcomeUnknown: true,
            _options.Type,
            id,
            cause);
    }

    private BufferUnavailableException UnexpectedKey(string id, string? error) => new(
        $"{_options.Type} '{id}' was not written: its Redis key holds something that this library did not write ({error}). Remove it, or " +
        "use another KeyPrefix.",
        outcomeUnknown: false,
        _options.Type,
        id);
}

/// <summary>What the writes of a type meet, for those who go by it.</summary>
internal interface IWriteSignals
{
    /// <summary>Redis has taken a write of the entity.</summary>
    void Acknowledged(string id);

    /// <summary>Redis refused it: the entity's shard has reached its bound.</summary>
    void Full(string id);

    /// <summary>Redis has not answered a write of the entity for a while; it is tried again.</summary>
    void Stuck(string id);

    /// <summary>A write that was stuck is over, whatever its end.</summary>
    void Unstuck(string id);
}

/// <summary>The error of a write whose version could not be confirmed quickly enough, as often as it was tried.</summary>
internal static class UnconfirmedVersion
{
    public static BufferUnavailableException Error(EntityTypeOptions options, string id, int attempts) => new(
        $"{options.Type} '{id}' was not written: its version could not be confirmed within FenceTime ({options.FenceTime}), {attempts} " +
        "times in a row. PostgreSQL answers too slowly, or Redis keeps being emptied.",
        entityType: options.Type,
        entityId: id);
}
