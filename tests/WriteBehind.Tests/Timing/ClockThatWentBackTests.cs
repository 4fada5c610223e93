using System.Globalization;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Timing;

/// <summary>Redis' clock went back: marks of before are ahead of it. They are as due as any.</summary>
public sealed class ClockThatWentBackTests
{
    private const int Entities = 40;

    [Fact]
    public async Task Marks_ahead_of_the_clock_are_counted_and_a_flush_of_everything_flushes_them()
    {
        await using var engine = await StartAsync(sweep: false);

        Assert.Equal(Entities + 1, (await engine.StatusAsync()).Dirty);
        var report = await engine.FlushAllAsync();

        Assert.True(report.IsClean);
        Assert.Equal(Entities + 1, (await engine.Table.RowsAsync()).Count);
        Assert.Equal(0, (await engine.StatusAsync()).Dirty);
    }

    [Fact]
    public async Task Marks_ahead_of_the_clock_that_were_not_flushed_remain_and_have_an_age_that_grows()
    {
        await using var engine = await StartAsync(sweep: false);
        engine.Sink.BeforeSave = static _ => throw SinkProbe.Outage();

        var report = await engine.Engine.FlushAllAsync(TimeSpan.FromSeconds(1));

        Assert.Equal(Entities + 1, report.Remaining["item"]);
        await Eventually.TrueAsync(async () => (await engine.StatusAsync()).OldestDirtyAge > TimeSpan.FromSeconds(2));
        engine.Sink.BeforeSave = null;
        Assert.True((await engine.FlushAllAsync()).IsClean);
    }

    [Fact]
    public async Task The_sweep_flushes_marks_ahead_of_the_clock_also_behind_more_than_a_page_of_others()
    {
        await using var engine = await StartAsync(sweep: true);
        await Eventually.TrueAsync(async () => (await engine.Table.RowsAsync()).Count == Entities + 1);
        await Eventually.TrueAsync(async () => (await engine.StatusAsync()).Dirty == 0);
    }

    private static async Task<TestEngine> StartAsync(bool sweep)
    {
        var writer = await TestEngine.StartAsync(new() { Item = static item => (item.Shards, item.BatchSize) = (2, 5) });
        await Task.WhenAll(Enumerable.Range(0, Entities).Select(i => writer.Items.SetAsync($"{i}", new Item(i))));
        var redis = await SharedServers.RedisAsync();
        var keys = new BufferView(redis, writer).Keys;
        var ahead = DateTimeOffset.UtcNow.AddHours(1).ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture);
        for (var i = 0; i < Entities; i += 2)
        {
            await redis.SendAsync("ZADD", (string)keys[keys.ShardOf($"{i}")].Dirty!, "XX", ahead, $"{i}");
        }

        await writer.Items.SetAsync("fresh", new Item(1));
        if (!sweep)
        {
            return writer;
        }

        await writer.StopAsync();
        return await TestEngine.StartAsync(writer.Options with { Sweep = true });
    }
}
