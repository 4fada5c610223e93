using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Timing;

/// <summary>What types cost of which nothing is written.</summary>
[Collection(Alone.Name)]
public sealed class IdleCostTests
{
    private const int Types = 64;

    /// <summary>
    /// 16,000 when each of 64 types looked into each of its 16 shards four times a second. With a watch at every five seconds, as it is by
    /// default, there are fewer still.
    /// </summary>
    private const double MostCommands = 500;

    [Fact]
    public async Task Sixty_four_idle_types_send_redis_few_commands_and_are_flushed_in_time_all_the_same()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var engine = await TestEngine.StartAsync(new()
        {
            Redis = redis.Configuration,
            Sweep = true,
            Engine = static engine => engine.WatchInterval = TimeSpan.FromSeconds(2),
            Item = static item => item.FlushDelay = TimeSpan.FromSeconds(1),
            More = static builder =>
            {
                for (var i = 1; i < Types; i++)
                {
                    builder.AddEntity<BadInput.Node>($"idle{i}");
                }
            },
        });
        await RoundsAsync(redis);
        var (started, before) = (Stopwatch.GetTimestamp(), await StatisticAsync(redis, "stats", "total_commands_processed:"));

        await RoundsAsync(redis);

        var commands = await StatisticAsync(redis, "stats", "total_commands_processed:") - before;
        Assert.InRange(commands / Stopwatch.GetElapsedTime(started).TotalSeconds, 0, MostCommands);

        await engine.Items.SetAsync("a", new Item(1));
        await Eventually.TrueAsync(async () => await engine.Table.RowAsync("a") is not null);
    }

    /// <summary>
    /// Waits for three more rounds of the watch, which asks for the record of every type; by then every loop has gone round.
    /// </summary>
    private static async Task RoundsAsync(RedisServer redis)
    {
        var asked = await RecordsAsync();
        await Eventually.TrueAsync(async () => await RecordsAsync() >= asked + (3 * Types));

        Task<long> RecordsAsync() => StatisticAsync(redis, "commandstats", "cmdstat_hmget:calls=");
    }

    private static async Task<long> StatisticAsync(RedisServer redis, string section, string name)
    {
        var info = (await redis.SendAsync("INFO", section))!.Split('\n');
        var line = info.SingleOrDefault(line => line.StartsWith(name, StringComparison.Ordinal));
        return line is null ? 0 : long.Parse(line[name.Length..].Split(',')[0], CultureInfo.InvariantCulture);
    }
}
