using System.Collections.Concurrent;
using System.Diagnostics;
using Client.Cluster;
using Npgsql;
using Proof;
using Proof.Verification;
using StackExchange.Redis;

namespace Client.Verification;

/// <summary>
/// Compares grains, Redis and PostgreSQL, entity by entity. Where Redis has an entity's state, the grain must show that, and the row must
/// not be ahead of it: equal if the entity is clean, at most as new if it is dirty. Where Redis has nothing, grain and row must be equal.
/// </summary>
/// <remarks>
/// The three are read one after the other while the service goes on. What differs is looked at again before it counts, and then between
/// two reads of what is stored (<see cref="Observation"/>), so that an entity that never stands still can be judged as well.
/// </remarks>
internal sealed class Verify : IAsyncDisposable
{
    private const int Concurrency = 64;
    private const int Looks = 5;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(400);

    /// <summary>How long a grain is asked again while the cluster finds itself. One call may take 30 seconds to fail.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private readonly IGrainFactory _grains;
    private readonly IConnectionMultiplexer _redis;
    private readonly NpgsqlDataSource _database;
    private readonly BufferReader _buffer;
    private readonly RowReader _rows;

    private Verify(IGrainFactory grains, IConnectionMultiplexer redis, string keyPrefix, NpgsqlDataSource database)
    {
        (_grains, _redis, _database) = (grains, redis, database);
        (_buffer, _rows) = (new BufferReader(redis, keyPrefix), new RowReader(database));
    }

    /// <exception cref="RunFailedException">Redis does not answer.</exception>
    /// <exception cref="UsageException">The connection string is none.</exception>
    public static Task<Verify> OpenAsync(ClusterConnection cluster, string postgres, CancellationToken cancellationToken)
        => OpenAsync(cluster.Grains, cluster.Settings.Redis, cluster.Settings.KeyPrefix, postgres, cancellationToken);

    /// <inheritdoc cref="OpenAsync(ClusterConnection, string, CancellationToken)" />
    public static async Task<Verify> OpenAsync(
        IGrainFactory grains, ConfigurationOptions redis, string keyPrefix, string postgres, CancellationToken cancellationToken)
    {
        try
        {
            var database = NpgsqlDataSource.Create(postgres);
            return new Verify(grains, await ConnectionMultiplexer.ConnectAsync(redis).WaitAsync(cancellationToken), keyPrefix, database);
        }
        catch (RedisException)
        {
            throw new RunFailedException("The Redis of WRITEBEHIND_REDIS does not answer.");
        }
        catch (ArgumentException)
        {
            // The message of the cause may quote the string, and with it the password.
            throw new UsageException("WRITEBEHIND_POSTGRES is no Npgsql connection string.");
        }
    }

    /// <summary>
    /// Compares every entity of some types that Redis or PostgreSQL knows; returns how many there are, and those that differ.
    /// </summary>
    public async Task<(IReadOnlyDictionary<string, int> Entities, IReadOnlyList<Mismatch> Mismatches)> CompareAllAsync(
        IReadOnlyList<EntityKind> kinds, CancellationToken cancellationToken)
    {
        var roots = await _buffer.FindRootsAsync([.. kinds.Select(kind => kind.Type)], cancellationToken);
        var counts = new Dictionary<string, int>();
        var mismatches = new List<Mismatch>();
        foreach (var kind in kinds)
        {
            var rows = await _rows.ReadAllAsync(kind, cancellationToken);
            IReadOnlyList<string> ids = [.. rows.Keys.Union(roots[kind.Type].Keys)];
            mismatches.AddRange(await CompareAsync(kind, ids, roots[kind.Type], rows, cancellationToken));
            counts[kind.Type] = ids.Count;
        }

        return (counts, mismatches);
    }

    /// <summary>Compares entities; returns those that differ, with what differs.</summary>
    public async Task<IReadOnlyList<Mismatch>> CompareAsync(EntityKind kind, IReadOnlyList<string> ids, CancellationToken cancellationToken)
    {
        var roots = await _buffer.FindRootsAsync([kind.Type], cancellationToken);
        return await CompareAsync(kind, ids, roots[kind.Type], await _rows.ReadAllAsync(kind, cancellationToken), cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await _redis.DisposeAsync();
        await _database.DisposeAsync();
    }

    private async Task<IReadOnlyList<Mismatch>> CompareAsync(
        EntityKind kind,
        IReadOnlyList<string> ids,
        IReadOnlyDictionary<string, string> roots,
        IReadOnlyDictionary<string, StoredState> rows,
        CancellationToken cancellationToken)
    {
        var found = new ConcurrentBag<Mismatch>();
        await Parallel.ForEachAsync(
            ids,
            new ParallelOptions { MaxDegreeOfParallelism = Concurrency, CancellationToken = cancellationToken },
            async (id, token) =>
            {
                if (await GlanceAsync(kind, id, roots.GetValueOrDefault(id), rows, token)
                    && await LookAsync(kind, id, token) is { } difference)
                {
                    found.Add(new Mismatch($"{kind.Type} {id}", difference));
                }
            });
        return [.. found.OrderBy(mismatch => mismatch.Id, StringComparer.Ordinal)];
    }

    // A first glance, with the row and the place in Redis as they were found with all others: enough for what does not move. Whether
    // there is more to look at.
    private async Task<bool> GlanceAsync(
        EntityKind kind, string id, string? root, IReadOnlyDictionary<string, StoredState> rows, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var grain = await AskGrainAsync(kind, id, cancellationToken);
        var redis = root is null ? null : await _buffer.ReadAsync(root, id, kind.Columns);
        return Observation.Still(grain, redis, rows.TryGetValue(id, out var row) ? row : null).FindDifference() is not null;
    }

    private async Task<string?> LookAsync(EntityKind kind, string id, CancellationToken cancellationToken)
    {
        for (var look = 1; ; look++)
        {
            // Redis before the row: what was flushed and removed in between is in the row then.
            var redisBefore = await ReadBufferAsync(kind, id);
            var rowBefore = await _rows.ReadAsync(kind, id, cancellationToken);
            var grain = await AskGrainAsync(kind, id, cancellationToken);
            var redis = await ReadBufferAsync(kind, id);
            var row = await _rows.ReadAsync(kind, id, cancellationToken);
            var difference = new Observation(rowBefore, redisBefore, grain, redis, row).FindDifference();
            if (difference is null || look == Looks)
            {
                return difference;
            }

            await Task.Delay(Pause, cancellationToken);
        }
    }

    // Silos that come and go refuse calls for a moment. To ask again changes nothing, and one refusal is no verdict on thousands of
    // entities.
    private async Task<StoredState?> AskGrainAsync(EntityKind kind, string id, CancellationToken cancellationToken)
    {
        for (var began = Stopwatch.GetTimestamp(); ;)
        {
            try
            {
                return await kind.FromGrain(_grains, id);
            }
            catch (Exception e) when (Errors.IsOfCluster(e) && Stopwatch.GetElapsedTime(began) < Patience)
            {
                await Task.Delay(Pause, cancellationToken);
            }
        }
    }

    private async Task<BufferedState?> ReadBufferAsync(EntityKind kind, string id)
        => await _buffer.FindRootAsync(kind.Type, id) is { } root ? await _buffer.ReadAsync(root, id, kind.Columns) : null;
}
