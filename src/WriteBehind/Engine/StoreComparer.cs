using Microsoft.Extensions.Logging;
using WriteBehind.Buffer;
using WriteBehind.Flushing;

namespace WriteBehind.Engine;

/// <summary>
/// Compares what Redis holds of a type with the rows, by their versions, while the service runs; and mends what can be mended without
/// losing anything, each by one script that looks again whether it still is so.
/// </summary>
/// <remarks>
/// Most is judged at a first glance, in batches. What seems to differ is looked at again, with the row read between two looks at Redis:
/// only where nothing moved in between is it a difference. An entity that moves all the time is being written and flushed, so nothing is
/// wrong.
/// </remarks>
internal sealed partial class StoreComparer(
    TypeParts parts, EntityLook look, Func<IReadOnlyList<string>, CancellationToken, Task<IReadOnlyList<StoredVersion>>> loadVersions)
{
    private const int MostListed = 1_000;
    private const int Looks = 5;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    public async Task<StoreComparison> CompareAsync(bool mend, CancellationToken cancellationToken)
    {
        var ids = await KeptStates.FindIdsAsync(parts, parts.Buffer.Keys.AllStatesAndFences, cancellationToken).ConfigureAwait(false);
        for (var shard = 0; shard < parts.Options.Shards; shard++)
        {
            // A mark whose state is lost has no other key.
            ids.UnionWith(await look.DirtyIdsAsync(shard, cancellationToken).ConfigureAwait(false));
        }

        var (dirty, differing, mended, differences) = (0L, 0L, 0L, new List<StoreDifference>());
        foreach (var shard in ids.GroupBy(parts.Buffer.Keys.ShardOf))
        {
            foreach (var batch in shard.Chunk(parts.Options.BatchSize))
            {
                var found = await look.ReadAsync(shard.Key, batch, withPayload: false, cancellationToken).ConfigureAwait(false);
                var rows = await RowsAsync(batch, cancellationToken).ConfigureAwait(false);
                dirty += found.Count(static entity => entity.DirtySince is not null);
                for (var i = 0; i < batch.Length; i++)
                {
                    if (Judge(batch[i], found[i], RowOf(rows, batch[i]), found[i]) is null
                        || await LookAgainAsync(batch[i], shard.Key, cancellationToken).ConfigureAwait(false) is not { } difference)
                    {
                        continue;
                    }

                    differing++;
                    if (differences.Count < MostListed)
                    {
                        differences.Add(difference.Difference);
                    }

                    mended += mend && await MendAsync(difference.Difference, difference.Found, cancellationToken).ConfigureAwait(false)
                        ? 1
                        : 0;
                }
            }
        }

        var dead = 0L;
        for (var shard = 0; shard < parts.Options.Shards; shard++)
        {
            dead += (await parts.Buffer.BacklogAsync(shard, null, cancellationToken).ConfigureAwait(false)).Dead;
        }

        return new StoreComparison(parts.Options.Type, ids.Count, dirty, dead, differing, differences, mended);
    }

    private async Task<(StoreDifference Difference, LookedAt Found)?> LookAgainAsync(
        string id, int shard, CancellationToken cancellationToken)
    {
        for (var looks = 1; ; looks++)
        {
            var before = (await look.ReadAsync(shard, [id], withPayload: false, cancellationToken).ConfigureAwait(false))[0];
            var rows = await RowsAsync([id], cancellationToken).ConfigureAwait(false);
            var now = (await look.ReadAsync(shard, [id], withPayload: false, cancellationToken).ConfigureAwait(false))[0];
            if (Judge(id, before, RowOf(rows, id), now) is { } difference)
            {
                return (difference, now);
            }

            if (now.IsLike(before) || looks == Looks)
            {
                return null;
            }

            await Task.Delay(Pause, parts.Time, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>What is wrong with an entity whose row was read between two looks at Redis; null where nothing is, or it moved.</summary>
    private StoreDifference? Judge(string id, LookedAt before, long? row, LookedAt now)
    {
        var place = row is { } stored ? FormattableString.Invariant($"PostgreSQL has version {stored}") : "PostgreSQL has no row";
        if (now.Error is { } error)
        {
            return new(id, StoreDifferenceKind.UnexpectedKey, $"A key holds something that this library did not write: {error}", false);
        }

        if (now is { DirtySince: not null, Version: null })
        {
            return new(id, StoreDifferenceKind.StateLost, $"It is marked dirty and Redis lost its state; {place}.", CanBeMended: false);
        }

        // The state of a dead letter is kept on purpose, whatever the row.
        if (now.IsDead)
        {
            return null;
        }

        if (now.DirtySince is not null)
        {
            return row > now.Version
                ? new(id, StoreDifferenceKind.RowAhead, $"Redis has the unflushed version {now.Version}, but {place}.", CanBeMended: false)
                : null;
        }

        if (now is { Version: not null, TimeToLive: null })
        {
            return new(id, StoreDifferenceKind.MarkLost, $"The unflushed version {now.Version} has no dirty mark; {place}.", true);
        }

        return now.IsLike(before) ? JudgeClean(id, row, now, place) : null;
    }

    private StoreDifference? JudgeClean(string id, long? row, LookedAt now, string place)
    {
        // What is of before Redis went back is not believed by anybody.
        var (version, nonce) = now.Version is null ? (now.Fence, now.FenceNonce) : (now.Version, now.Nonce);
        var shard = parts.Buffer.Keys.ShardOf(id);
        if (version is null || row == version || Nonces.IsOld(nonce, parts.Buffer.Epochs[shard] ?? string.Empty))
        {
            return null;
        }

        var isBehind = row is null || row < version;
        if (now.Version is null)
        {
            return isBehind && (row is null ? Nonces.IsOfPut(nonce) : Nonces.IsOfWrite(nonce))
                ? new(id, StoreDifferenceKind.RowBehind, $"Version {version} was saved, but {place}.", CanBeMended: false)
                : null;
        }

        return isBehind && Nonces.IsOfWrite(nonce)
            ? new(id, StoreDifferenceKind.RowBehind, $"Version {version} was saved and is kept in Redis, but {place}.", true)
            : new(id, StoreDifferenceKind.StaleEntry, $"Redis keeps version {version} as a clean entry, but {place}.", true);
    }

    private async Task<bool> MendAsync(StoreDifference difference, LookedAt found, CancellationToken cancellationToken)
    {
        var id = difference.Id;
        var mended = difference switch
        {
            { CanBeMended: false } => false,
            { Kind: StoreDifferenceKind.RowBehind }
                => await parts.Buffer.MarkDirtyAsync(id, found.Nonce, cancellationToken).ConfigureAwait(false),
            { Kind: StoreDifferenceKind.MarkLost } => await look.MarkAsync(id, found.Nonce, cancellationToken).ConfigureAwait(false),
            _ => await parts.Buffer.EvictAsync(id, cancellationToken).ConfigureAwait(false),
        };
        if (mended)
        {
            Mended(parts.Logger, parts.Options.Type, id, difference.Text);
        }

        return mended;
    }

    private async Task<Dictionary<string, long>> RowsAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
        => (await loadVersions(ids, cancellationToken).ConfigureAwait(false))
            .ToDictionary(static row => row.Id, static row => row.Version, StringComparer.Ordinal);

    private static long? RowOf(Dictionary<string, long> rows, string id) => rows.TryGetValue(id, out var version) ? version : null;

    [LoggerMessage(1, LogLevel.Warning, "{Type} '{Id}' was reconciled: {Difference}")]
    private static partial void Mended(ILogger logger, string type, string id, string difference);
}
