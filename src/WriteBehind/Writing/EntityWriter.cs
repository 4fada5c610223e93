using System.Runtime.CompilerServices;
using WriteBehind.Buffer;

namespace WriteBehind.Writing;

/// <summary>
/// Sends a write until its outcome is known. A write whose answer got lost is sent again with the same nonce, which the script
/// recognises: it is applied at most once, however often it arrives. Every write names the version it goes on top of, a plain put too:
/// one that arrives late, or once more, meets another version and is refused instead of going on top of what others wrote after it.
/// </summary>
internal sealed class EntityWriter(
    EntityBuffer buffer, WritePressure pressure, EntityTypeOptions options, WriteBehindOptions engine, TimeProvider time, Action<string>? written = null)
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(500);

    /// <summary>How long a write is tried in vain before others need not be sent as well.</summary>
    private static readonly TimeSpan StuckAfter = TimeSpan.FromMilliseconds(500);

    /// <summary>Writes a payload, or with null a tombstone.</summary>
    /// <param name="id">The entity.</param>
    /// <param name="known">What it goes on top of.</param>
    /// <param name="payload">The payload.</param>
    /// <param name="changes">How many changes it carries out, each with a version of its own.</param>
    /// <exception cref="OverflowException">The row brought a version at the end of 64 bits.</exception>
    /// <exception cref="BufferUnavailableException">Redis stayed away for the write time-out; the error says whether the outcome is unknown.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<WriteReply> WriteAsync(string id, Knowledge known, byte[]? payload, int changes = 1)
    {
        if (known.Version >= long.MaxValue - changes)
        {
            throw new OverflowException(
                $"{options.Type} '{id}' was not written: after its version {known.Version} there are not enough others. Give its row a smaller one.");
        }

        var request = new WriteRequest(id, known, payload, Random.Shared.NextInt64(), changes);
        var started = time.GetTimestamp();
        var unknown = false;
        var isStuck = false;
        try
        {
            for (var pause = FirstPause; ; pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
            {
                try
                {
                    var reply = await buffer.WriteAsync(request).ConfigureAwait(false);
                    if (reply.Status != WriteStatus.Ok && unknown)
                    {
                        // An earlier sending may have been applied and then overwritten, or may still be on its way.
                        throw Unknown(id, time.GetElapsedTime(started), null);
                    }

                    Note(id, reply.Status);
                    return reply.Status == WriteStatus.Error ? throw ForeignKey(id, reply.Error) : reply;
                }
                catch (BufferUnavailableException e) when (e.EntityId is null)
                {
                    unknown |= e.OutcomeUnknown;
                    if (time.GetElapsedTime(started) + pause >= engine.WriteTimeout)
                    {
                        throw unknown
                            ? Unknown(id, time.GetElapsedTime(started), e)
                            : new BufferUnavailableException($"{options.Type} '{id}' was not written. {e.Message}", false, options.Type, id, e);
                    }
                }

                if (!isStuck && time.GetElapsedTime(started) >= StuckAfter)
                {
                    isStuck = true;
                    pressure.EnterStuck(id);
                }

                await Task.Delay(pause, time).ConfigureAwait(false);
            }
        }
        finally
        {
            if (isStuck)
            {
                pressure.LeaveStuck(id);
            }
        }
    }

    private void Note(string id, WriteStatus status)
    {
        if (status == WriteStatus.Full)
        {
            pressure.Full(id);
        }
        else if (status == WriteStatus.Ok)
        {
            pressure.Room(id);
            written?.Invoke(id);
        }
    }

    private BufferUnavailableException Unknown(string id, TimeSpan waited, Exception? cause) => new(
        $"Whether {options.Type} '{id}' was written is unknown: Redis did not say within {waited.TotalSeconds:0.0} s (WriteTimeout). Load it to find out.",
        outcomeUnknown: true,
        options.Type,
        id,
        cause);

    private BufferUnavailableException ForeignKey(string id, string? error) => new(
        $"{options.Type} '{id}' was not written: its Redis key holds something that is not of this library ({error}). Remove it, or use another KeyPrefix.",
        outcomeUnknown: false,
        options.Type,
        id);
}

/// <summary>The error of a write whose version could not be confirmed quickly enough, as often as it was tried.</summary>
internal static class Unconfirmable
{
    public static BufferUnavailableException After(EntityTypeOptions options, string id, int attempts) => new(
        $"{options.Type} '{id}' was not written: its version could not be confirmed within FenceTime ({options.FenceTime}), {attempts} times in a row. " +
        "PostgreSQL answers too slowly, or Redis keeps being emptied.",
        entityType: options.Type,
        entityId: id);
}
