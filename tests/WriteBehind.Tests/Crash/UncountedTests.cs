using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using WriteBehind.Engine;
using WriteBehind.Tests.Children;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Crash;

/// <summary>What could not be counted is unknown. Unknown is not zero, and never clean.</summary>
public sealed class UncountedTests
{
    private const int Entities = 50;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(1);

    [Theory]
    [InlineData("dead")]
    [InlineData("frozen")]
    [InlineData("no TIME")]
    [InlineData("no scripts")]
    [InlineData("no index")]
    public async Task A_flush_of_everything_and_a_drain_that_could_not_count_say_so(string fault)
    {
        await using var redis = await RedisServer.StartAsync(new() { Timeout = TimeSpan.FromSeconds(1) });
        await using var engine = await StartDirtyAsync(redis);
        await BreakAsync(redis, engine, fault);

        var report = await engine.Engine.FlushAllAsync(Limit);

        Assert.False(report.IsClean);
        Assert.Equal(["item"], report.Uncounted);
        var stopped = await engine.Services.GetRequiredService<IEngineControl>().StopAsync(CancellationToken.None);
        Assert.False(stopped.IsClean);
        Assert.False(engine.Log.Has(LogLevel.Information, "nothing remains"));
        Assert.True(engine.Log.Has(LogLevel.Error, "could not be counted"));
        Assert.True(engine.Log.Has(LogLevel.Error, "item"));
        await MendAsync(redis, fault);
    }

    [Fact]
    public async Task A_stop_that_does_not_drain_reports_nothing_as_clean()
    {
        await using var engine = await TestEngine.StartAsync(new() { Engine = static settings => settings.DrainTimeout = TimeSpan.Zero });
        await engine.Items.SetAsync("a", new Item(1));

        var report = await engine.Services.GetRequiredService<IEngineControl>().StopAsync(CancellationToken.None);

        Assert.False(report.IsClean);
        Assert.Equal(["item"], report.Uncounted);
    }

    [Fact]
    public async Task A_flush_of_everything_during_which_redis_came_back_empty_is_not_clean()
    {
        await using var redis = await RedisServer.StartAsync(new() { AppendOnly = false });
        await using var engine = await StartDirtyAsync(redis);
        await redis.WipeAsync();

        var report = await engine.Engine.FlushAllAsync(TimeSpan.FromSeconds(30));

        Assert.False(report.IsClean);
        Assert.Empty(await engine.Table.RowsAsync());
    }

    [Theory]
    [InlineData("dead")]
    [InlineData("frozen")]
    public async Task A_host_whose_redis_is_away_stops_without_an_unhandled_error(string fault)
    {
        await using var redis = await RedisServer.StartAsync(new() { Timeout = TimeSpan.FromSeconds(1) });
        var options = new TestEngineOptions
        {
            Redis = redis.Configuration,
            Postgres = await CreateTableAsync(),
            Prefix = SharedServers.FreshName("away"),
        };
        await using var service = ChildEngine.Start<WholeHost>(options);
        await service.WaitForLineAsync(static line => line == "started");
        await (fault == "dead" ? redis.KillAsync() : redis.FreezeAsync());

        service.Terminate();

        Assert.Equal(0, await service.WaitForExitAsync());
        Assert.Contains(service.Output, static line => line.Contains("could not be counted", StringComparison.Ordinal));
        Assert.DoesNotContain(service.Output, static line => line.Contains("nothing remains", StringComparison.Ordinal));
        await MendAsync(redis, fault);
    }

    [Fact]
    public async Task A_host_that_may_not_wait_stops_without_an_error()
    {
        await using var engine = await TestEngine.StartAsync(
            new() { Engine = static settings => settings.DrainTimeout = TimeSpan.FromMinutes(1) });
        await engine.Items.SetAsync("a", new Item(1));

        foreach (var service in engine.Services.GetServices<IHostedService>())
        {
            await service.StopAsync(new CancellationToken(canceled: true));
        }

        Assert.False(engine.Log.Has(LogLevel.Information, "nothing remains"));
    }

    private static async Task<TestEngine> StartDirtyAsync(RedisServer redis)
    {
        var engine = await TestEngine.StartAsync(new()
        {
            Redis = redis.Configuration,
            Engine = static settings =>
            {
                (settings.DrainTimeout, settings.WriteTimeout) = (Limit, TimeSpan.FromSeconds(1));
                settings.WatchInterval = TimeSpan.FromMinutes(1);
            },
        });
        await Task.WhenAll(Enumerable.Range(0, Entities).Select(i => engine.Items.SetAsync($"{i}", new Item(i))));
        return engine;
    }

    private static async Task<string> CreateTableAsync()
    {
        var database = await SharedServers.CreateDatabaseAsync();
        await new ItemTable(database).CreateAsync();
        return database;
    }

    private static async Task BreakAsync(RedisServer redis, TestEngine engine, string fault)
    {
        switch (fault)
        {
            case "dead":
                await redis.KillAsync();
                break;
            case "frozen":
                await redis.FreezeAsync();
                break;
            case "no TIME":
                await redis.SendAsync("ACL", "SETUSER", "default", "-time");
                break;
            case "no scripts":
                await redis.SendAsync("ACL", "SETUSER", "default", "-eval", "-evalsha");
                break;
            default:
                var keys = new BufferView(redis, engine).Keys;
                for (var shard = 0; shard < keys.Shards; shard++)
                {
                    await redis.SendAsync("DEL", (string)keys[shard].Dirty!);
                    await redis.SendAsync("SET", (string)keys[shard].Dirty!, "another's");
                }

                break;
        }
    }

    private static Task MendAsync(RedisServer redis, string fault)
        => fault == "frozen" ? redis.ThawAsync() : Task.CompletedTask;
}
