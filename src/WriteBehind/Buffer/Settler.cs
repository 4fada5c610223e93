using System.Globalization;
using StackExchange.Redis;
using WriteBehind.Redis;

namespace WriteBehind.Buffer;

/// <summary>
/// Makes saved entities clean: WATCH the entity, check that it still holds the write just saved, then in one MULTI/EXEC take away its
/// state, its dirty mark and the claim, and set the fence. Many entities share one transaction. One that moved on meanwhile fails its
/// check and stays dirty: a newer write survives a racing flush.
/// </summary>
/// <remarks>
/// What is checked is the write's nonce, which stands for its version and for more: after Redis came back empty another write may have
/// been given the same version (tests/WriteBehind.Tests/Protocol/ProtocolLimitsTests.cs).
/// This is a transaction rather than a script by decision: what it does can be seen on the wire, and the check and the delete are
/// Redis' own. Only the claims with this flusher's own term are taken back. A flusher that is late must not free an entity for a third
/// one while a second is saving it: that is how a deleted row came back in the model (tests/WriteBehind.Tests/Protocol).
/// A Redis at maxmemory refuses the transaction, though it would free memory; there, and only there, <see cref="SettleScript"/> steps in.
/// </remarks>
internal sealed class Settler(
    RedisConnections redis, EntityBuffer buffer, EntityTypeOptions options, TypeMetrics metrics, RecentWrites recent)
{
    /// <summary>
    /// Nobody waits for the answer to a single command of a transaction: EXEC's says all. A task for each would be most of what a settle
    /// allocates.
    /// </summary>
    private const CommandFlags Unanswered = CommandFlags.FireAndForget | CommandFlags.DemandMaster;

    /// <summary>How many groups are looked at before their transaction, once one was aborted in vain.</summary>
    private const int WaryFor = 16;

    private readonly KeyLayout _keys = buffer.Keys;
    private int _wary;

    /// <summary>
    /// Whether one transaction may take entities of several shards. Not behind a proxy, though it may have a single server behind it: what
    /// it lets through as a script it need not as a transaction.
    /// </summary>
    public bool TakesShardsTogether => redis.IsOneServer && !redis.IsBehindProxy;

    /// <summary>
    /// Settles saved entities, of one claim or, where <see cref="TakesShardsTogether"/>, of several: with the small batches of a silo among
    /// many a shard alone has one or two, and each transaction holds its connection for a round trip. Those that moved on, and so are still
    /// dirty, say so afterwards.
    /// </summary>
    /// <param name="saved">The entities, those of a claim in a row.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public Task SettleAsync(IReadOnlyList<ClaimItem> saved, CancellationToken cancellationToken)
        => SettlePartsAsync([.. saved.Chunk(options.SettleGroup)], after: null, cancellationToken);

    /// <summary>Settles one part after the other.</summary>
    /// <param name="groups">The parts.</param>
    /// <param name="after">The claim of what comes behind them; null where nothing does.</param>
    /// <param name="cancellationToken">Gives up.</param>
    private async Task SettlePartsAsync(ClaimItem[][] groups, ShardClaim? after, CancellationToken cancellationToken)
    {
        for (var i = 0; i < groups.Length; i++)
        {
            var next = i + 1 < groups.Length ? groups[i + 1][0].Claim : after;
            await SettleGroupAsync(groups[i], next, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task SettleGroupAsync(ClaimItem[] group, ShardClaim? after, CancellationToken cancellationToken)
    {
        if (group.Length > 1 && Volatile.Read(ref _wary) > 0)
        {
            group = await LeaveMovedAsync(group, cancellationToken).ConfigureAwait(false);
            if (group.Length == 0)
            {
                return;
            }
        }

        var database = await redis.SettleAsync(cancellationToken).ConfigureAwait(false);
        var transaction = database.CreateTransaction();
        var checks = Array.ConvertAll(
            group, item => transaction.AddCondition(Condition.HashEqual(_keys[item.Shard].Entity(item.Id), "w", item.Nonce)));
        Queue(transaction, group, after);
        try
        {
            if (await redis.RunOnAsync(database, _ => transaction.ExecuteAsync(CommandFlags.DemandMaster), cancellationToken)
                .ConfigureAwait(false))
            {
                metrics.Settled(group.Length);
                Array.ForEach(Array.FindAll(group, IsDeleted), item => recent.Forget(item.Id));
                return;
            }
        }
        catch (BufferUnavailableException e) when (e.InnerException
            is RedisConnectionException or OperationCanceledException or ObjectDisposedException)
        {
            redis.DropSettle(database);
            throw;
        }
        catch (BufferUnavailableException e) when (RedisErrors.MayBeOutOfMemory(e))
        {
            foreach (var ofShard in ByClaim(group))
            {
                await SettleOutOfMemoryAsync(database, [.. ofShard], ofShard.Key != after, cancellationToken).ConfigureAwait(false);
            }

            return;
        }

        metrics.SettleAborted();
        if (group.Length == 1)
        {
            group[0].HasMoved = true;
            return;
        }

        // Those that failed their check have moved on. If none did, one moved between check and EXEC: halve until it is alone.
        for (var i = 0; i < group.Length; i++)
        {
            group[i].HasMoved = !checks[i].WasSatisfied;
        }

        var rest = Array.FindAll(group, static item => !item.HasMoved);
        if (rest.Length == 0)
        {
            return;
        }

        if (rest.Length < group.Length)
        {
            Volatile.Write(ref _wary, WaryFor);
        }

        ClaimItem[][] parts = [.. rest.Chunk(rest.Length < group.Length ? rest.Length : (rest.Length + 1) / 2)];
        await SettlePartsAsync(parts, after, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Notes which have moved on, and returns the others. A look beforehand is cheaper than a transaction in vain, and does not guard
    /// anything; where nothing moves for a while it is not worth its round trip.
    /// </summary>
    private async Task<ClaimItem[]> LeaveMovedAsync(ClaimItem[] group, CancellationToken cancellationToken)
    {
        var moved = await MovedScript.Script.RunAsync(
            redis,
            Array.ConvertAll(group, item => _keys[item.Shard].Entity(item.Id)),
            Array.ConvertAll(group, static item => (RedisValue)item.Nonce),
            cancellationToken).ConfigureAwait(false);
        if (moved.Left == 0)
        {
            Interlocked.Decrement(ref _wary);
            return group;
        }

        Volatile.Write(ref _wary, WaryFor);
        while (moved.Left > 0)
        {
            group[moved.NextInt() - 1].HasMoved = true;
        }

        return Array.FindAll(group, static item => !item.HasMoved);
    }

    private static IEnumerable<IGrouping<ShardClaim, ClaimItem>> ByClaim(ClaimItem[] group) => group.GroupBy(static item => item.Claim!);

    /// <summary>Keeps no clean entry, whatever the type's setting: they are a cache, and give way where memory is short.</summary>
    private async Task SettleOutOfMemoryAsync(
        IDatabase database, ClaimItem[] group, bool isLast, CancellationToken cancellationToken)
    {
        var claim = group[0].Claim!;
        var shard = _keys[claim.Shard];
        List<RedisKey> scriptKeys = [shard.Dirty, shard.Claims];
        List<RedisValue> arguments = [isLast ? claim.Term : RedisValue.EmptyString];
        foreach (var item in group)
        {
            scriptKeys.AddRange([shard.Entity(item.Id), shard.Fence(item.Id)]);
            arguments.AddRange(
            [
                item.Id, item.Nonce, FenceOf(item), (long)FenceTimeOf(item).TotalMilliseconds,
                0,
            ]);
        }

        try
        {
            var moved = await SettleScript.Script.RunOnAsync(
                redis, database, [.. scriptKeys], [.. arguments], cancellationToken).ConfigureAwait(false);
            metrics.Settled(group.Length - moved.Left);
            while (moved.Left > 0)
            {
                group[moved.NextInt() - 1].HasMoved = true;
            }
        }
        catch (BufferUnavailableException e) when (e.InnerException is RedisServerException refused
            && refused.Message.Contains("compiling", StringComparison.Ordinal))
        {
            throw new BufferUnavailableException(
                "Redis has reached maxmemory and refuses to let go of what is saved; only Redis 7 and later can be told to. " +
                "Give it more memory (CONFIG SET maxmemory) until it is drained.",
                cause: e);
        }
    }

    private void Queue(ITransaction transaction, ClaimItem[] group, ShardClaim? after)
    {
        var gone = new List<object>();
        foreach (var item in group)
        {
            var shard = _keys[item.Shard];
            if (IsDeleted(item))
            {
                gone.Add(shard.Entity(item.Id));
            }
            else
            {
                _ = transaction.KeyExpireAsync(shard.Entity(item.Id), options.CacheTtl, flags: Unanswered);
            }

            _ = transaction.StringSetAsync(shard.Fence(item.Id), FenceOf(item), FenceTimeOf(item), When.Always, Unanswered);
        }

        if (gone.Count > 0)
        {
            // DEL by name: the library would choose UNLINK, whose background thread is dearer than freeing small hashes.
            _ = transaction.ExecuteAsync("DEL", gone, Unanswered);
        }

        foreach (var ofShard in ByClaim(group))
        {
            var (claim, shard) = (ofShard.Key, _keys[ofShard.Key.Shard]);
            _ = transaction.SortedSetRemoveAsync(shard.Dirty, [.. ofShard.Select(static item => (RedisValue)item.Id)], Unanswered);
            if (claim != after)
            {
                // All claims of the term at once, so not before its last group: the others would be flushed again by somebody else.
                _ = transaction.SortedSetRemoveRangeByScoreAsync(shard.Claims, claim.Term, claim.Term, flags: Unanswered);
            }
        }
    }

    /// <summary>Whether nothing is kept as a clean entry.</summary>
    private bool IsDeleted(ClaimItem item) => item.Payload is null || options.AfterFlush == AfterFlush.Delete;

    private TimeSpan FenceTimeOf(ClaimItem item) => item.Payload is null ? buffer.FenceTimes.Tombstone : buffer.FenceTimes.Longest;

    private static string FenceOf(ClaimItem item) => string.Create(CultureInfo.InvariantCulture, $"{item.Version}:{item.Nonce}");
}

/// <summary>
/// Looks which entities hold another write than the one that was saved. KEYS: the entities. ARGV: the nonce of each. Returns the places,
/// from 1, of those that moved on.
/// </summary>
internal static class MovedScript
{
    public static readonly RedisScript Script = new("""
        local moved = {}
        for k = 1, #KEYS do
          if redis.pcall('HGET', KEYS[k], 'w') ~= ARGV[k] then moved[#moved + 1] = k end
        end
        return moved
        """);
}

/// <summary>
/// Does for a group what its settle transaction does, on a Redis that has reached maxmemory: there every command that a transaction
/// queues is refused, even those that free memory. KEYS: dirty, claims, then entity and fence of each. ARGV: the term whose claims are
/// taken back, or empty; then id, nonce, fence, fence time in ms and time to keep the state in ms (0: delete it) of each. Returns the
/// places, from 1, of those that moved on and so were left alone.
/// </summary>
internal static class SettleScript
{
    // The flags are known from Redis 7 on; an older one does not compile this.
    public static readonly RedisScript Script = new("""
        #!lua flags=allow-oom
        local moved = {}
        for i = 1, (#KEYS - 2) / 2 do
          local state, fence, at = KEYS[2 * i + 1], KEYS[2 * i + 2], 5 * i - 3
          if redis.pcall('HGET', state, 'w') ~= ARGV[at + 1] then
            moved[#moved + 1] = i
          else
            if ARGV[at + 4] == '0' then
              redis.call('DEL', state)
            else
              redis.call('PEXPIRE', state, ARGV[at + 4])
            end
            redis.call('SET', fence, ARGV[at + 2], 'PX', ARGV[at + 3])
            redis.call('ZREM', KEYS[1], ARGV[at])
          end
        end
        if ARGV[1] ~= '' then redis.call('ZREMRANGEBYSCORE', KEYS[2], ARGV[1], ARGV[1]) end
        return moved
        """);
}
