using Chaos.Histories;
using WriteBehind.TestTools;

namespace Chaos.Faults;

/// <summary>What happens to Redis.</summary>
internal static class RedisFaults
{
    /// <summary>
    /// That it loses what it acknowledged. Rare, so that much is written between two of these, which has to be there in the end.
    /// </summary>
    public static Lane Losing(Place place) => new(
        "redis-loss",
        [
            Fault.Of("redis-emptied", 0, 0.1, random => EmptyAsync(place, random.Next(2) == 0)),
            Fault.Of("redis-restored", 0.3, 4, _ => RestoreAsync(place)),
        ],
        TimeSpan.FromSeconds(10),
        place.RedisTurn);

    /// <summary>All else; where there are several Redis, of any of them.</summary>
    public static Lane Of(Place place) => new(
        "redis",
        [
            Fault.Of("redis-killed", 0, 0.4, random => On(place, random, static async redis =>
            {
                await redis.KillAsync();
                return redis.RestartAsync;
            })),
            Fault.Of("redis-frozen", 0.1, 0.5, random => On(place, random, FreezeAsync)),
            Fault.Of("redis-frozen-past-its-time-outs", 0.8, 2.5, random => On(place, random, FreezeAsync)),
            Fault.Of("redis-out-of-memory", 0.1, 0.5, random => On(
                place, random, static redis => SetAsync(redis, "maxmemory", "1", "0"))),
            Fault.Of("redis-without-replicas", 0.1, 0.5, random => On(
                place, random, redis => SetAsync(redis, "min-replicas-to-write", Text(place.Replicas + 1), "0"))),
            Fault.Of("redis-connections-killed", 0, 0.1, random => On(
                place, random, static redis => TellAsync(redis, "CLIENT", "KILL", "TYPE", "normal"))),
            Fault.Of("redis-forgets-scripts", 0, 0.1, random => On(
                place, random, static redis => TellAsync(redis, "SCRIPT", "FLUSH"))),
        ],
        TimeSpan.FromMilliseconds(700),
        place.RedisTurn);

    private static Task<Func<Task>> On(Place place, Random random, Func<RedisServer, Task<Func<Task>>> harm)
        => harm(place.RedisServers[random.Next(place.RedisServers.Count)]);

    private static async Task<Func<Task>> TellAsync(RedisServer redis, params string[] command)
    {
        await redis.SendAsync(command);
        return static () => Task.CompletedTask;
    }

    private static string Text(int number) => number.ToString(System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Its keys are gone, while it runs; or it comes back without its data.</summary>
    private static async Task<Func<Task>> EmptyAsync(Place place, bool isRunning)
    {
        await place.LoseAsync("redis-emptied", long.MinValue, async () =>
        {
            if (isRunning)
            {
                await place.Redis.SendAsync("FLUSHALL");
            }
            else
            {
                await place.Redis.WipeAsync();
            }
        });
        return static () => Task.CompletedTask;
    }

    /// <summary>A copy is made, and takes its place again after a while.</summary>
    private static async Task<Func<Task>> RestoreAsync(Place place)
    {
        var since = Clock.Now;
        var copy = await place.Redis.CopyDataAsync();
        return () => place.LoseAsync(
            "redis-restored",
            since,
            () => copy.Exists ? place.Redis.RestoreDataAsync(copy) : place.Redis.RestartAsync());
    }

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
