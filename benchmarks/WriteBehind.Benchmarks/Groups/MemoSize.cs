using StackExchange.Redis;
using WriteBehind.Buffer;

namespace WriteBehind.Benchmarks.Groups;

/// <summary>How much of Redis' memory a remembered operation takes.</summary>
internal sealed class MemoSize(IConnectionMultiplexer redis, string prefix, EntityTypeOptions options)
{
    public IReadOnlyDictionary<string, double> Read()
    {
        var keys = new KeyLayout(prefix, options.Type, options.Shards);
        var database = redis.GetDatabase();
        var (bytes, memos) = (0L, 0L);
        for (var shard = 0; shard < keys.Shards; shard++)
        {
            foreach (var key in keys[shard].Memos)
            {
                bytes += (long?)database.Execute("MEMORY", "USAGE", (string)key!, "SAMPLES", "0") ?? 0;
                memos += database.KeyType(key) == RedisType.Hash ? database.HashLength(key) : 0;
            }
        }

        return new Dictionary<string, double> { ["bytes kept per memo"] = (double)bytes / Math.Max(1, memos) };
    }
}
