using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using StackExchange.Redis;
using WriteBehind.Buffer;

namespace WriteBehind.Caching.Limits;

/// <summary>
/// The keys of one rate limit: <c>wb:{api:07}:limit:k:&lt;caller key&gt;</c>, a sorted set. A caller key comes from outside and may be of any
/// length; a long one is replaced by its hash, so that nobody fills Redis with it.
/// </summary>
internal sealed class LimitKeys(string prefix, string name, int shards)
{
    private const int LongestKey = 128;

    public (int Shard, RedisKey Key) Of(string callerKey)
    {
        var text = Encoding.UTF8.GetByteCount(callerKey) <= LongestKey
            ? "k:" + callerKey
            : "h:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(callerKey)));
        var shard = ShardHash.ShardOf(text, shards);
        return (shard, string.Create(CultureInfo.InvariantCulture, $"{prefix}:{{{name}:{shard:00}}}:limit:{text}"));
    }
}
