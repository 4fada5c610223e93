using System.Collections.Concurrent;
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
    RedisConnections redis, EntityBuffer buffer, EntityTypeOptions options, TypeMetrics metrics, RecentWrites recent, SemaphoreSlim turn)
{
    /// <summary>
    /// Nobody waits for the answer to a single command of a transaction: EXEC's says all. A task for each would be most of what a settle
    /// allocates.
    /// </summary>
    private const CommandFlags Unanswered = CommandFlags.FireAndForget | CommandFlags.DemandMaster;

    /// <summary>How many groups are looked at before their transaction, once one was aborted by writes of others.</summary>
    private const int WaryFor = 16;

    /// <summary>A group that is not made smaller where it is known which of it have moved.</summary>
    private const int Few = 8;

    /// <summary>How long a group waits for its turn. It is no guard, so one that hangs does not hold up the others for longer.</summary>
    private static readonly TimeSpan LongestTurn = TimeSpan.FromMilliseconds(100);

    private readonly KeyLayout _keys = buffer.Keys;
    private int _wary;

    /// <summary>
    /// How many entities share a transaction: half as many after one that was aborted, a quarter more after one that was carried out, which
    /// lets about one of four be aborted. Under load some milliseconds pass between check and EXEC, and of 64 entities that are written
    /// twice a second one is bound to move.
    /// </summary>
    private int _size = int.MaxValue;

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
    public async Task SettleAsync(IReadOnlyList<ClaimItem> saved, CancellationToken cancellationToken)
    {
        var left = new Stack<ClaimItem>(saved.Reverse());
        var size = Math.Min(Volatile.Read(ref _size), options.SettleGroup);
        while (left.Count > 0)
        {
            // Transactions hold their connection one after the other anyway. Where entities move on under them, a group waits here for its
            // turn: in the connection's own queue it would wait with entities that are taken for unmoved. Not where nothing moves, as the
            // next is sent there before this one is answered.
            var isInTurn = TakesShardsTogether && size < options.SettleGroup
                && await turn.WaitAsync(LongestTurn, cancellationToken).ConfigureAwait(false);
            try
            {
                var group = Take(left, size);
                if (await SettleGroupAsync(group, left.TryPeek(out var next) ? next.Claim : null, cancellationToken).ConfigureAwait(false))
                {
                    size = Math.Min(size + (size / 4) + 1, options.SettleGroup);
                }
                else
                {
                    // Those that failed their check are known now. Where none did, one moved between check and EXEC: halve until it is
                    // alone.
                    var rest = Unmoved(group);
                    size = Math.Max(group.Length / 2, rest.Length < group.Length ? Few : 1);
                    Array.ForEach([.. rest.Reverse()], left.Push);
                }
            }
            finally
            {
                if (isInTurn)
                {
                    turn.Release();
                }
            }

            Volatile.Write(ref _size, size);
        }
    }

    /// <summary>Takes a group, without those that this process itself has written since.</summary>
    private static ClaimItem[] Take(Stack<ClaimItem> left, int size)
    {
        var group = new List<ClaimItem>(size);
        while (group.Count < size && left.TryPop(out var item))
        {
            item.HasMoved = item.IsRewritten;
            if (!item.HasMoved)
            {
                group.Add(item);
            }
        }

        return [.. group];
    }

    /// <summary>Settles a group; false where its transaction was aborted, and those that have not moved are to be tried again.</summary>
    /// <param name="group">The group.</param>
    /// <param name="after">The claim of what comes behind it; null where nothing does.</param>
    /// <param name="cancellationToken">Gives up.</param>
    private async Task<bool> SettleGroupAsync(ClaimItem[] group, ShardClaim? after, CancellationToken cancellationToken)
    {
        if (group.Length > 1 && Volatile.Read(ref _wary) > 0)
        {
            group = await LeaveMovedAsync(group, cancellationToken).ConfigureAwait(false);
        }

        if (group.Length == 0)
        {
            return true;
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
                return true;
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

            return true;
        }

        metrics.SettleAborted();
        for (var i = 0; i < group.Length; i++)
        {
            group[i].HasMoved = !checks[i].WasSatisfied || group.Length == 1;
        }

        if (Array.Exists(group, static item => item.HasMoved && !item.IsBeingRewritten))
        {
            Volatile.Write(ref _wary, WaryFor);
        }

        return false;
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

        return Unmoved(group);
    }

    private static ClaimItem[] Unmoved(ClaimItem[] group) => Array.FindAll(group, static item => !item.HasMoved);

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
/// What this process has claimed and not settled yet: its own writes, which are most of those that make an entity move on, say so at once.
/// </summary>
internal sealed class ClaimedItems
{
    private readonly ConcurrentDictionary<string, ClaimItem> _byId = new(StringComparer.Ordinal);

    /// <summary>Takes note of what a claim found.</summary>
    public void Note(ClaimItem item)
    {
        if (item.Status == ClaimStatus.Claimed)
        {
            _byId[item.Id] = item;
        }
    }

    /// <summary>Its flush has ended. Another one that claimed it after this one's lease stays.</summary>
    public void End(ClaimItem item) => _byId.TryRemove(KeyValuePair.Create(item.Id, item));

    /// <summary>A write is on its way.</summary>
    public void NoteWriting(string id)
    {
        if (_byId.TryGetValue(id, out var item))
        {
            item.IsBeingRewritten = true;
        }
    }

    /// <summary>A write was acknowledged.</summary>
    public void NoteWritten(string id, long version)
    {
        if (_byId.TryGetValue(id, out var item) && version > item.Version)
        {
            item.IsRewritten = true;
        }
    }
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
