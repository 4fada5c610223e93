using System.Globalization;
using WriteBehind.Buffer;
using WriteBehind.TestTools;

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

    /// <summary>How many operations of an entity are remembered, of those with short names.</summary>
    public async Task<long> MemosAsync(string id) => await CountMemosAsync(_keys[_keys.ShardOf(id)], id);

    /// <summary>How many of them there are in all shards.</summary>
    public async Task<long> MemosAsync()
    {
        var sum = 0L;
        for (var shard = 0; shard < _keys.Shards; shard++)
        {
            sum += await CountMemosAsync(_keys[shard], null);
        }

        return sum;
    }

    private async Task<long> CountMemosAsync(ShardKeys shard, string? id)
    {
        const string script = """
            local count = 0
            for k = 1, #KEYS do
              if redis.call('TYPE', KEYS[k]).ok == 'hash' then
                for _, field in ipairs(redis.call('HKEYS', KEYS[k])) do
                  local id = string.sub(field, 1, 1) == 'u' and string.sub(field, 18) or string.match(field, ' (.*)$')
                  if #field > 1 and (ARGV[1] == '' or id == ARGV[1]) then count = count + 1 end
                end
              end
            end
            return count
            """;
        string[] keys = [.. shard.Memos.Select(static key => (string)key!)];
        return Number(await redis.SendAsync(
            ["EVAL", script, keys.Length.ToString(CultureInfo.InvariantCulture), .. keys, id ?? string.Empty]))!.Value;
    }

    /// <summary>Takes a flusher's claim away, as if its lease had ended.</summary>
    public Task EndClaimAsync(string id) => redis.SendAsync("ZREM", (string)_keys[_keys.ShardOf(id)].Claims!, id);

    private string Entity(string id) => _keys[_keys.ShardOf(id)].Entity(id)!;

    private string Fence(string id) => _keys[_keys.ShardOf(id)].Fence(id)!;

    private static long? Number(string? text) => text is null ? null : long.Parse(text, CultureInfo.InvariantCulture);
}
