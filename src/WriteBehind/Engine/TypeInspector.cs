using System.Buffers;
using WriteBehind.Buffer;
using WriteBehind.Common;
using WriteBehind.Flushing;

namespace WriteBehind.Engine;

/// <summary>Shows an operator what is known of the entities of a type.</summary>
internal sealed class TypeInspector<TState>(
    TypeParts<TState> parts, EntityTypeOptions<TState> options, EntityLook look, DeadLetterBox letters) : ITypeInspector
    where TState : class
{
    /// <inheritdoc />
    public async Task<EntityInspection> InspectAsync(string id, CancellationToken cancellationToken)
    {
        var shard = parts.Buffer.Keys.ShardOf(id);
        var found = (await look.ReadAsync(shard, [id], withPayload: true, cancellationToken).ConfigureAwait(false))[0];
        var letter = await letters.ShowAsync(id, cancellationToken).ConfigureAwait(false);
        var memos = await look.CountMemosAsync(id, cancellationToken).ConfigureAwait(false);
        var (row, rowError) = await LoadAsync(id, cancellationToken).ConfigureAwait(false);
        return new EntityInspection(parts.Options.Type, id, found.At)
        {
            Buffered = found.Version is { } version
                ? new InspectedState(version, found.IsDelete, found.IsDelete ? null : BodyOf(found.Payload), found.TimeToLive)
                : null,
            DirtySince = found.DirtySince,
            ClaimedUntil = found.ClaimedUntil,
            Fence = found.Fence,
            FenceExpiresIn = found.Fence is null ? null : found.FenceTimeToLive,
            Memos = memos,
            DeadLetter = letter,
            Row = row,
            RowError = rowError,
            KeyError = found.Error,
            Pause = found.Pause,
        };
    }

    /// <inheritdoc />
    public async Task<IReadOnlyList<DirtyEntity>> OldestAsync(int limit, CancellationToken cancellationToken)
    {
        var shards = Enumerable.Range(0, parts.Buffer.Keys.Shards);
        var oldest = await Task.WhenAll(shards.Select(shard => look.OldestAsync(shard, limit, cancellationToken))).ConfigureAwait(false);
        return [.. oldest.SelectMany(static some => some).OrderByDescending(static entity => entity.Age).Take(limit)];
    }

    /// <inheritdoc />
    public Task<StoreComparison> CompareAsync(bool mend, CancellationToken cancellationToken)
        => new StoreComparer(parts, look, parts.Sink.LoadVersionsAsync).CompareAsync(mend, cancellationToken);

    /// <summary>The row is one part of the picture: where it can't be had, the rest is shown all the same.</summary>
    private async Task<(InspectedState? Row, string? Error)> LoadAsync(string id, CancellationToken cancellationToken)
    {
        var patience = parts.Engine.Options.LoadTimeout;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(patience);
        try
        {
            var rows = await parts.Sink.LoadAsync([id], limit.Token).MayBeAbandoned().WaitAsync(limit.Token).ConfigureAwait(false);
            return rows.Count == 0 ? (null, null) : (new InspectedState(rows[0].Version, IsDelete: false, Write(rows[0].State)), null);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return (null, FormattableString.Invariant($"The database did not answer within {patience.TotalSeconds:0.#} s (LoadTimeout)."));
        }
        catch (WriteBehindException e)
        {
            return (null, e.Message);
        }
    }

    private ReadOnlyMemory<byte> Write(TState state)
    {
        var output = new ArrayBufferWriter<byte>();
        options.Serializer.Serialize(state, output);
        return output.WrittenMemory;
    }

    // In one conditional expression null would become an empty memory, not none.
    private static ReadOnlyMemory<byte>? BodyOf(byte[]? payload)
    {
        if (payload is null)
        {
            return null;
        }

        return PayloadCodec.BodyOf(payload);
    }
}

/// <summary>A <see cref="TypeInspector{TState}"/> for those who need not know the state type.</summary>
internal interface ITypeInspector
{
    /// <summary>One entity in all places.</summary>
    Task<EntityInspection> InspectAsync(string id, CancellationToken cancellationToken);

    /// <summary>The entities that have been dirty for longest, the oldest first.</summary>
    Task<IReadOnlyList<DirtyEntity>> OldestAsync(int limit, CancellationToken cancellationToken);

    /// <summary>Compares all that Redis holds with the rows, and mends what can be mended where that is asked for.</summary>
    Task<StoreComparison> CompareAsync(bool mend, CancellationToken cancellationToken);
}
