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
internal sealed class Settler(RedisConnections redis, KeyLayout keys, FenceTimes fences, EntityTypeOptions options, TypeMetrics metrics)
{
    /// <summary>
    /// Nobody waits for the answer to a single command of a transaction: EXEC's says all. A task for each would be most of what a settle
    /// allocates.
    /// </summary>
    private const CommandFlags Unanswered = CommandFlags.FireAndForget | CommandFlags.DemandMaster;

    /// <summary>Settles saved entities of one claim. Those that moved on, and so are still dirty, say so afterwards.</summary>
    public async Task SettleAsync(ShardClaim claim, IReadOnlyList<ClaimItem> saved, CancellationToken cancellationToken)
    {
        var groups = saved.Chunk(options.SettleGroup).ToArray();
        foreach (var group in groups)
        {
            await SettleGroupAsync(claim, group, isLast: group == groups[^1], cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task SettleGroupAsync(ShardClaim claim, ClaimItem[] group, bool isLast, CancellationToken cancellationToken)
    {
        var database = await redis.SettleAsync(cancellationToken).ConfigureAwait(false);
        var shard = keys[claim.Shard];
        var transaction = database.CreateTransaction();
        var checks = Array.ConvertAll(group, item => transaction.AddCondition(Condition.HashEqual(shard.Entity(item.Id), "w", item.Nonce)));
        Queue(transaction, shard, claim, group, isLast);
        try
        {
            if (await redis.RunOnAsync(database, _ => transaction.ExecuteAsync(CommandFlags.DemandMaster), cancellationToken)
                .ConfigureAwait(false))
            {
                metrics.Settled(group.Length);
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
            await SettleOutOfMemoryAsync(database, claim, group, isLast, cancellationToken).ConfigureAwait(false);
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

        var parts = rest.Chunk(rest.Length < group.Length ? rest.Length : (rest.Length + 1) / 2).ToArray();
        foreach (var part in parts)
        {
            await SettleGroupAsync(claim, part, isLast && part == parts[^1], cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Keeps no clean entry, whatever the type's setting: they are a cache, and give way where memory is short.</summary>
    private async Task SettleOutOfMemoryAsync(
        IDatabase database, ShardClaim claim, ClaimItem[] group, bool isLast, CancellationToken cancellationToken)
    {
        var shard = keys[claim.Shard];
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

    private void Queue(ITransaction transaction, ShardKeys shard, ShardClaim claim, ClaimItem[] group, bool isLast)
    {
        var gone = new List<object>();
        foreach (var item in group)
        {
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

        _ = transaction.SortedSetRemoveAsync(shard.Dirty, Array.ConvertAll(group, item => (RedisValue)item.Id), Unanswered);
        if (isLast)
        {
            // All claims of the term at once, so not before its last group: the others would be flushed again by somebody else.
            _ = transaction.SortedSetRemoveRangeByScoreAsync(shard.Claims, claim.Term, claim.Term, flags: Unanswered);
        }
    }

    /// <summary>Whether nothing is kept as a clean entry.</summary>
    private bool IsDeleted(ClaimItem item) => item.Payload is null || options.AfterFlush == AfterFlush.Delete;

    private TimeSpan FenceTimeOf(ClaimItem item) => item.Payload is null ? fences.Tombstone : fences.Longest;

    private static string FenceOf(ClaimItem item) => string.Create(CultureInfo.InvariantCulture, $"{item.Version}:{item.Nonce}");
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
