using WriteBehind.TestTools;

namespace Chaos.Faults;

/// <summary>What happens to Redis, without it losing anything that it acknowledged.</summary>
internal static class RedisFaults
{
    public static Lane Of(RedisServer redis) => new(
        "redis",
        [
            Fault.Of("redis-killed", 0, 0.4, async _ =>
            {
                await redis.KillAsync();
                return redis.RestartAsync;
            }),
            Fault.Of("redis-frozen", 0.1, 0.5, _ => FreezeAsync(redis)),
            Fault.Of("redis-frozen-past-its-time-outs", 0.8, 2.5, _ => FreezeAsync(redis)),
            Fault.Of("redis-out-of-memory", 0.1, 0.5, _ => SetAsync(redis, "maxmemory", "1", "0")),
            Fault.Of("redis-without-replicas", 0.1, 0.5, _ => SetAsync(redis, "min-replicas-to-write", "1", "0")),
            Fault.Of("redis-connections-killed", 0, 0.1, async _ =>
            {
                await redis.SendAsync("CLIENT", "KILL", "TYPE", "normal");
                return static () => Task.CompletedTask;
            }),
            Fault.Of("redis-forgets-scripts", 0, 0.1, async _ =>
            {
                await redis.SendAsync("SCRIPT", "FLUSH");
                return static () => Task.CompletedTask;
            }),
        ],
        TimeSpan.FromMilliseconds(700));

    private static async Task<Func<Task>> FreezeAsync(RedisServer redis)
    {
        await redis.FreezeAsync();
        return redis.ThawAsync;
    }

    private static async Task<Func<Task>> SetAsync(RedisServer redis, string setting, string bad, string good)
    {
        await redis.SendAsync("CONFIG", "SET", setting, bad);
        return () => redis.SendAsync("CONFIG", "SET", setting, good);
    }
}
