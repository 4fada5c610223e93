using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;
using WriteBehind.Buffer;
using WriteBehind.Tests.Children;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Caching.Queues;

public sealed class FlushNotifierTests
{
    private static readonly TestEngineOptions NoTimer = new()
    {
        Sweep = false,
        Item = item => (item.NotifyFlush, item.FlushDelay, item.MaxAge) = (true, TimeSpan.FromHours(1), TimeSpan.FromHours(1)),
    };

    [Fact]
    public async Task A_write_reaches_the_database_at_once_without_timer_or_sweep_and_so_does_a_delete()
    {
        await using var engine = await TestEngine.StartAsync(NoTimer);
        await engine.Items.SetAsync("a", new Item(1));
        await Eventually.TrueAsync(async () => (await engine.Table.RowAsync("a"))?.Quantity == 1);
        await engine.Items.DeleteAsync("a");
        await Eventually.TrueAsync(async () => await engine.Table.RowAsync("a") is null);
        await Eventually.TrueAsync(async () => (await engine.StatusAsync()).Dirty == 0);
    }

    [Fact]
    public async Task Writes_of_many_callers_on_few_entities_all_arrive_and_share_flushes()
    {
        await using var engine = await TestEngine.StartAsync(NoTimer);
        await Task.WhenAll(
            Enumerable.Range(0, 1_000).Select(i => engine.Items.UpdateAsync($"{i % 5}", item => new Item((item?.Quantity ?? 0) + 1))));

        await Eventually.TrueAsync(async () => (await engine.StatusAsync()).Dirty == 0);
        var rows = await engine.Table.RowsAsync();
        Assert.Equal(1_000, rows.Values.Sum(row => row.Quantity));
        Assert.InRange(engine.Sink.Sent.Count, 5, 500);
        Assert.Equal(1, engine.Sink.MostConcurrentSavesOfOne);
    }

    [Fact]
    public async Task A_notice_whose_flush_failed_unexpectedly_is_taken_again()
    {
        await using var engine = await TestEngine.StartAsync(NoTimer);
        engine.Gate.FailAt(ProtocolStep.BeforeClaim, new InvalidOperationException("a mistake (test)"), id: "a");
        await engine.Items.SetAsync("a", new Item(1));
        await Eventually.TrueAsync(async () => (await engine.Table.RowAsync("a"))?.Quantity == 1);
        Assert.True(engine.Log.Has(Microsoft.Extensions.Logging.LogLevel.Error, "notices item"));
    }

    [Fact]
    public async Task A_lost_notice_costs_nothing_but_time()
    {
        await using var engine = await TestEngine.StartAsync(new()
        {
            Sweep = true,
            Item = item => (item.NotifyFlush, item.FlushDelay, item.MaxAge) = (true, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2)),
        });
        var redis = await SharedServers.RedisAsync();

        // The queue can take no notice: its key holds something else.
        await redis.SendAsync("SET", $"{engine.Options.Prefix}:{{item}}:queue:ready", "broken");
        await engine.Items.SetAsync("a", new Item(1));

        await Eventually.TrueAsync(async () => (await engine.Table.RowAsync("a"))?.Quantity == 1);
    }

    [Fact]
    public async Task What_a_killed_process_was_about_to_flush_is_flushed_by_another_that_takes_over_its_notices()
    {
        var options = new TestEngineOptions
        {
            Redis = (await SharedServers.RedisAsync()).Configuration,
            Prefix = SharedServers.FreshName("notice"),
            Postgres = await SharedServers.CreateDatabaseAsync(),
        };
        var table = new ItemTable(options.Postgres);
        await table.CreateAsync();
        await using (var child = ChildEngine.Start<HangingFlusher>(options))
        {
            await child.WaitForLineAsync(static line => line == "hanging");
            child.Kill();
            await child.WaitForExitAsync();
        }

        Assert.Empty(await table.RowsAsync());
        await using var other = await TestEngine.StartAsync(options with { Item = HangingFlusher.Configure });
        await Eventually.TrueAsync(async () => (await table.RowsAsync()).Count == HangingFlusher.Entities);
        await Eventually.TrueAsync(async () => (await other.StatusAsync()).Dirty == 0);
    }

    [Fact]
    public async Task The_loop_of_the_notices_is_seen_in_the_status_and_its_worker_leaves_with_the_process()
    {
        var engine = await TestEngine.StartAsync(NoTimer);
        Assert.Contains((await engine.Engine.GetStatusAsync()).Loops, loop => loop.Name == "notices item");
        var database = (await engine.Services.GetRequiredService<IRedisConnection>().GetAsync()).GetDatabase();
        RedisKey workers = $"{engine.Options.Prefix}:{{item}}:queue:workers";
        await Eventually.TrueAsync(async () => await database.SortedSetLengthAsync(workers) == 1);
        await engine.DisposeAsync();

        Assert.Equal("0", await (await SharedServers.RedisAsync()).SendAsync("ZCARD", workers.ToString()));
    }
}
