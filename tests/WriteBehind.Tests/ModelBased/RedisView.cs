using StackExchange.Redis;
using WriteBehind.Buffer;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.ModelBased;

/// <summary>The Redis side of a run: looks at the entities, and does to them what time does.</summary>
internal sealed class RedisView(IDatabase redis, KeyLayout layout, string[] ids, PayloadCodec<Item> codec, VirtualTime time)
{
    private const string LookScript = """
        local out = {}
        for k = 1, #KEYS, 3 do
          local id = ARGV[(k + 2) / 3]
          local stored = redis.call('HMGET', KEYS[k], 'v', 'd', 'x', 'w')
          out[#out + 1], out[#out + 2], out[#out + 3] = stored[1], stored[2], stored[3]
          out[#out + 1] = stored[4]
          out[#out + 1] = redis.call('PTTL', KEYS[k])
          out[#out + 1] = redis.call('ZSCORE', KEYS[k + 1], id)
          out[#out + 1] = redis.call('ZSCORE', KEYS[k + 2], id)
        end
        return out
        """;

    private const string PassScript = """
        for k = 1, #KEYS do
          local left = redis.call('PTTL', KEYS[k])
          if left >= 0 then redis.call('PEXPIRE', KEYS[k], left - tonumber(ARGV[1])) end
        end
        return 1
        """;

    /// <summary>How far the clock was ahead when a claim was made.</summary>
    private readonly Dictionary<(int Shard, string Claim), TimeSpan> _claimedAt = [];

    private readonly ShardKeys[] _keys = [.. ids.Select(id => layout[layout.ShardOf(id)])];

    /// <summary>Everything there is of each entity; the rows are added by the caller.</summary>
    public async Task<Observation[]> LookAsync()
    {
        RedisKey[] keys = [.. ids.SelectMany((id, i) => new[] { _keys[i].Entity(id), _keys[i].Dirty, _keys[i].Claims })];
        var reply = (RedisResult[])(await redis.ScriptEvaluateAsync(LookScript, keys, Array.ConvertAll(ids, id => (RedisValue)id)))!;
        var observations = new Observation[ids.Length];
        for (var i = 0; i < observations.Length; i++)
        {
            var at = 7 * i;
            var buffered = reply[at].IsNull || !reply[at + 2].IsNull ? null : codec.Decode(ids[i], (byte[]?)reply[at + 1] ?? []);
            var claim = (string?)reply[at + 6];
            if (claim is not null)
            {
                _claimedAt.TryAdd((layout.ShardOf(ids[i]), claim), time.Ahead);
            }

            observations[i] = new Observation(
                reply[at].IsNull ? null : (long)reply[at],
                buffered,
                (string?)reply[at + 3],
                IsDirty: !reply[at + 5].IsNull,
                Expires: (long)reply[at + 4] >= 0,
                claim,
                Row: null);
        }

        return observations;
    }

    /// <summary>How many dead letters there are.</summary>
    public async Task<long> CountDeadAsync()
    {
        var counts = await Task.WhenAll(Enumerable.Range(0, layout.Shards).Select(shard => redis.HashLengthAsync(layout[shard].Dead)));
        return counts.Sum();
    }

    /// <summary>
    /// Does to Redis what the time that has passed does: fences and clean entries expire, and so do leases. The claims keep their names,
    /// so a lease that goes on is left alone, and one that is over is taken away.
    /// </summary>
    public async Task PassAsync(TimeSpan passed, IEnumerable<EntityModel> entities)
    {
        RedisKey[] keys = [.. ids.SelectMany((id, i) => new[] { _keys[i].Entity(id), _keys[i].Fence(id) })];
        await redis.ScriptEvaluateAsync(PassScript, keys, [(long)passed.TotalMilliseconds]);
        foreach (var entity in entities)
        {
            if (entity.Seen.Claim is { } claim && time.Ahead - _claimedAt[(layout.ShardOf(entity.Id), claim)] >= Terms.Lease)
            {
                await redis.SortedSetRemoveAsync(_keys[entity.Index].Claims, entity.Id);
            }
        }
    }

    /// <summary>Takes everything away, the epochs too.</summary>
    public async Task WipeAsync()
    {
        RedisKey[] keys =
        [
            .. ids.SelectMany((id, i) => new[] { _keys[i].Entity(id), _keys[i].Fence(id) }),
            .. _keys.Distinct().SelectMany(shard => new[] { shard.Dirty, shard.Claims, shard.Dead, shard.Epoch }),
        ];
        await redis.KeyDeleteAsync(keys);
    }
}
