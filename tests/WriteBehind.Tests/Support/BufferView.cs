using System.Globalization;
using WriteBehind.Buffer;
using WriteBehind.Testing;

namespace WriteBehind.Tests.Support;

/// <summary>Looks at an entity type's keys in Redis from outside, past the engine and its connections.</summary>
internal sealed class BufferView(RedisServer redis, TestEngine engine, string type = "item")
{
    private readonly KeyLayout _keys = new(engine.Options.Prefix!, type, engine.OptionsOf(type).Shards);

    public KeyLayout Keys => _keys;

    /// <summary>The same of an engine on the shared Redis.</summary>
    public static async Task<BufferView> OfAsync(TestEngine engine, string type = "item")
        => new(await SharedServers.RedisAsync(), engine, type);

    /// <summary>The buffered version; null where nothing is buffered.</summary>
    public async Task<long?> VersionAsync(string id) => Number(await redis.SendAsync("HGET", Entity(id), "v"));

    /// <summary>The buffered payload; null where there is none.</summary>
    public Task<string?> PayloadAsync(string id) => redis.SendAsync("HGET", Entity(id), "d");

    /// <summary>How long the buffered state will stay in ms; -1 for ever, -2 where there is none.</summary>
    public async Task<long> TimeToLiveAsync(string id) => Number(await redis.SendAsync("PTTL", Entity(id)))!.Value;

    /// <summary>The fence, <c>version:nonce</c>; null where there is none.</summary>
    public Task<string?> FenceAsync(string id) => redis.SendAsync("GET", Fence(id));

    /// <summary>How long the fence will stay in ms; -2 where there is none.</summary>
    public async Task<long> FenceTimeToLiveAsync(string id) => Number(await redis.SendAsync("PTTL", Fence(id)))!.Value;

    public Task WaitUntilFenceExpiredAsync(string id) => Eventually.TrueAsync(async () => await FenceAsync(id) is null);

    public async Task<bool> IsDirtyAsync(string id)
        => await redis.SendAsync("ZSCORE", (string)_keys[_keys.ShardOf(id)].Dirty!, id) is not null;

    /// <summary>The operations of an entity that are remembered.</summary>
    public async Task<IReadOnlyList<string>> MemosAsync(string id)
    {
        var shard = _keys[_keys.ShardOf(id)];
        var fields = new List<string>();
        foreach (var key in new[] { (string)shard.Memos(id)!, (string)shard.OlderMemos(id)! })
        {
            var list = await redis.SendAsync("EVAL", "return table.concat(redis.call('HKEYS', KEYS[1]), ',')", "1", key);
            fields.AddRange(list!.Split(',', StringSplitOptions.RemoveEmptyEntries));
        }

        return [.. fields.Where(static field => field != "h")];
    }

    /// <summary>How many of them there are in all shards, by their count.</summary>
    public async Task<long> TallyAsync()
    {
        var sum = 0L;
        for (var shard = 0; shard < _keys.Shards; shard++)
        {
            sum += Number(await redis.SendAsync("HGET", (string)_keys[shard].Tally!, "n")) ?? 0;
        }

        return sum;
    }

    /// <summary>Takes a flusher's claim away, as if its lease had ended.</summary>
    public Task EndClaimAsync(string id) => redis.SendAsync("ZREM", (string)_keys[_keys.ShardOf(id)].Claims!, id);

    private string Entity(string id) => _keys[_keys.ShardOf(id)].Entity(id)!;

    private string Fence(string id) => _keys[_keys.ShardOf(id)].Fence(id)!;

    private static long? Number(string? text) => text is null ? null : long.Parse(text, CultureInfo.InvariantCulture);
}
