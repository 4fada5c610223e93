using StackExchange.Redis;

namespace WriteBehind.Benchmarks.Caching;

/// <summary>
/// The limiter that is written by hand: a counter per caller and window. It admits twice its permits around the edge of two windows, and
/// where its process dies between the two commands, the counter stays for ever.
/// </summary>
internal sealed class FixedWindow(IDatabase redis, string prefix)
{
    /// <summary>More than any load takes.</summary>
    private const long Permits = 10_000_000;

    private static readonly TimeSpan Window = TimeSpan.FromSeconds(0.5);

    public async Task<bool> TryAcquireAsync(string caller)
    {
        RedisKey key = $"{prefix}:fixed:{caller}:{DateTime.UtcNow.Ticks / Window.Ticks}";
        var count = await redis.StringIncrementAsync(key);
        if (count == 1)
        {
            await redis.KeyExpireAsync(key, Window * 2);
        }

        return count <= Permits;
    }
}
