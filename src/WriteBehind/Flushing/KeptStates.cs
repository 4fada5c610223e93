using StackExchange.Redis;
using WriteBehind.Buffer;
using WriteBehind.Common;
using WriteBehind.Redis;

namespace WriteBehind.Flushing;

/// <summary>
/// After a row was seen that is older than what was settled: the states that Redis still keeps are compared with their rows, and those that
/// PostgreSQL has lost are marked dirty again, so that they are flushed once more.
/// </summary>
/// <remarks>
/// It looks at all keys of the type, which takes its time, and is done only then, by one pass at a time and with a pause between them.
/// States that were filled in from rows are left alone: the row was theirs, and somebody else has changed it since.
/// </remarks>
internal sealed class KeptStates(
    TypeParts parts, Func<IReadOnlyList<string>, CancellationToken, Task<IReadOnlyList<StoredVersion>>> loadVersions)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(30);

    private int _isRunning;
    private long? _endedAt;

    /// <summary>Begins a pass, unless one is under way or just over, or the type keeps nothing. It is left to itself.</summary>
    public void Recheck()
    {
        var justOver = _endedAt is { } ended && parts.Time.GetElapsedTime(ended) < Pause;
        if (parts.Options.AfterFlush == AfterFlush.Keep && !justOver && Interlocked.Exchange(ref _isRunning, 1) == 0)
        {
            _ = Detached.RunAsync(RunAsync).MayBeAbandoned();
        }
    }

    private async Task RunAsync()
    {
        try
        {
            var marked = 0;
            var ids = await FindIdsAsync(parts, parts.Buffer.Keys.AllEntities, CancellationToken.None).ConfigureAwait(false);
            foreach (var batch in ids.Chunk(parts.Options.BatchSize))
            {
                marked += await RecheckAsync(batch).ConfigureAwait(false);
            }

            FlushLog.FlushedAgain(parts.Logger, parts.Options.Type, marked);
        }
        catch (WriteBehindException e)
        {
            // The next load that meets an old row begins it anew.
            FlushLog.NotRechecked(parts.Logger, e, parts.Options.Type);
        }
        finally
        {
            _endedAt = parts.Time.GetTimestamp();
            Volatile.Write(ref _isRunning, 0);
        }
    }

    /// <summary>The ids of all entities that Redis has keys of after a pattern. It goes through all keys of all masters.</summary>
    public static async Task<HashSet<string>> FindIdsAsync(TypeParts parts, RedisValue pattern, CancellationToken cancellationToken)
    {
        var ids = new HashSet<string>(StringComparer.Ordinal);
        foreach (var server in await parts.Engine.Redis.MastersAsync(cancellationToken).ConfigureAwait(false))
        {
            var database = (await parts.Engine.Redis.SharedAsync(cancellationToken).ConfigureAwait(false)).Database;
            try
            {
                var keys = server.KeysAsync(database, pattern, pageSize: 1000).WithCancellation(cancellationToken).ConfigureAwait(false);
                await foreach (var key in keys)
                {
                    var text = (string)key!;

                    // Behind the hash tag: no prefix and no name of a type has a brace.
                    ids.Add(text[(text.IndexOf('}', StringComparison.Ordinal) + "}:e:".Length)..]);
                }
            }
            catch (Exception e) when (RedisErrors.IsRedis(e, cancellationToken))
            {
                throw RedisErrors.Translate(e);
            }
        }

        return ids;
    }

    private async Task<int> RecheckAsync(string[] ids)
    {
        var kept = await parts.Buffer.ReadManyAsync(ids).ConfigureAwait(false);
        var clean = Enumerable.Range(0, ids.Length)
            .Where(i => kept[i] is { IsClean: true, IsCurrent: true } && Nonces.IsOfWrite(kept[i].Nonce))
            .ToDictionary(i => ids[i], i => kept[i], StringComparer.Ordinal);
        if (clean.Count == 0)
        {
            return 0;
        }

        var rows = await loadVersions([.. clean.Keys], CancellationToken.None).ConfigureAwait(false);
        var stored = rows.ToDictionary(static row => row.Id, static row => row.Version, StringComparer.Ordinal);
        var marked = 0;
        foreach (var (id, state) in clean)
        {
            if (!stored.TryGetValue(id, out var version) || version < state.Known.Version)
            {
                marked += await parts.Buffer.MarkDirtyAsync(id, state.Nonce, CancellationToken.None).ConfigureAwait(false) ? 1 : 0;
            }
        }

        return marked;
    }
}
