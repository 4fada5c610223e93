using System.Globalization;
using WriteBehind.Buffer;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Outage;

public sealed class FullRedisTests
{
    private const int Round = 200;

    [Theory]
    [InlineData(AfterFlush.Delete)]
    [InlineData(AfterFlush.Keep)]
    public async Task A_redis_at_maxmemory_is_drained_and_then_accepts_writes_again(AfterFlush afterFlush)
    {
        await using var redis = await RedisServer.StartAsync(
            new() { Timeout = TimeSpan.FromSeconds(15), ExtraArguments = ["--maxmemory", "8mb"] });
        await using var engine = await TestEngine.StartAsync(new()
        {
            Redis = redis.Configuration,
            Engine = static engine => engine.WriteTimeout = TimeSpan.FromSeconds(1),
            Item = item => (item.AfterFlush, item.CacheTtl) = (afterFlush, TimeSpan.FromSeconds(1)),
        });
        await engine.Table.ExecuteAsync("ALTER TABLE items ALTER COLUMN note TYPE text");
        var written = await FillAsync(engine);

        var report = await engine.FlushAllAsync();

        Assert.True(report.IsClean);
        Assert.Empty(report.Rejected);
        Assert.Equal(0, (await engine.StatusAsync()).Dirty);
        var rows = await engine.Table.RowsAsync();
        Assert.All(written, id => Assert.True(rows.ContainsKey(id), $"{id} was acknowledged and has no row."));
        await Eventually.TrueAsync(async () => await Record.ExceptionAsync(() => engine.Items.SetAsync("new", new Item(1))) is null);
        await engine.FlushAsync("new");
        Assert.Equal(1, (await engine.Table.RowAsync("new"))!.Quantity);
    }

    [Fact]
    public async Task What_moved_on_meanwhile_stays_dirty_in_a_full_redis_too()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var engine = await TestEngine.StartAsync(new() { Redis = redis.Configuration, Item = static item => item.Shards = 1 });
        await engine.Items.SetAsync("a", new Item(1));
        await engine.Items.SetAsync("b", new Item(1));
        engine.Gate.RunAt(ProtocolStep.BeforeSettle, async () =>
        {
            await engine.Items.SetAsync("a", new Item(2));
            await redis.SendAsync("CONFIG", "SET", "maxmemory", "1");
        });

        // The report counts the one that is saved; whether the other's new age could be noted does not matter here.
        _ = await Record.ExceptionAsync(() => engine.Engine.FlushAllAsync(TimeSpan.FromMilliseconds(300)));

        await redis.SendAsync("CONFIG", "SET", "maxmemory", "0");
        await engine.FlushAllAsync();
        Assert.Equal([(1, 1), (2, 2)], (await engine.Table.RowsAsync()).Values.Select(static row => (row.Version, row.Quantity)).Order());
    }

    /// <summary>Writes until Redis refuses; returns what it acknowledged.</summary>
    private static async Task<List<string>> FillAsync(TestEngine engine)
    {
        var written = new List<string>();
        var item = new Item(1, new string('x', 2_000));
        for (var refused = false; !refused;)
        {
            string[] ids = [.. Enumerable.Range(written.Count, Round).Select(static i => i.ToString(CultureInfo.InvariantCulture))];
            var errors = await Task.WhenAll(ids.Select(id => Record.ExceptionAsync(() => engine.Items.SetAsync(id, item))));
            Assert.All(
                errors, static error => Assert.True(error is null or BufferUnavailableException { OutcomeUnknown: false }, $"{error}"));
            written.AddRange(ids.Where((_, i) => errors[i] is null));
            refused = errors.Any(static error => error is not null);
        }

        Assert.NotEmpty(written);
        return written;
    }
}
