using System.Collections.Concurrent;
using WriteBehind.Buffer;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Timing;

/// <summary>Sweeps: oldest first, in pages, shared by processes.</summary>
public sealed class SweepTests
{
    private const int Entities = 1_000;
    private const int Page = 10;

    [Fact]
    public async Task Two_processes_that_sweep_one_type_share_the_work_and_never_collide()
    {
        var probe = new SinkProbe();
        await using var first = await TestEngine.StartAsync(new() { Probe = probe, Item = item => item.BatchSize = Page });
        await using var second = await TestEngine.StartAsync(first.Options);
        await PutAllAsync(first);

        // Nobody's first batches go on until both have some.
        var arrived = new ConcurrentDictionary<string, bool>();
        probe.BeforeSave = async ids =>
        {
            ids.ToList().ForEach(id => arrived[id] = true);
            await Eventually.TrueAsync(() => arrived.Count > 4 * Page);
        };
        await Task.WhenAll(first.FlushAllAsync(), second.FlushAllAsync());

        var (one, two) = ((await first.StatusAsync()).Counters, (await second.StatusAsync()).Counters);
        Assert.Equal((Entities, 0), (one.RowsApplied + two.RowsApplied, one.NoOps + two.NoOps));
        Assert.Equal((Entities, 0), (one.Settled + two.Settled, one.SettleAborts + two.SettleAborts));
        Assert.True(one.RowsApplied > 0 && two.RowsApplied > 0, $"{one.RowsApplied} and {two.RowsApplied} rows.");
        Assert.Equal(1, probe.MostConcurrentSavesOfOne);
        Assert.Equal(Entities, probe.Sent.Count);
        Assert.Equal(0, (await first.StatusAsync()).Dirty);
    }

    [Fact]
    public async Task A_sweep_goes_oldest_first_and_in_pages()
    {
        await using var engine = await TestEngine.StartAsync(new()
        {
            Engine = options => options.MaxConcurrentFlushes = 1,
            Item = item => (item.BatchSize, item.Shards) = (Page, 1),
        });
        var batches = new ConcurrentQueue<IReadOnlyList<string>>();
        engine.Sink.BeforeSave = ids =>
        {
            batches.Enqueue(ids);
            return Task.CompletedTask;
        };

        // Against the order of the ids, and page by page with a new millisecond between: the mark's time is in milliseconds.
        var redis = await SharedServers.RedisAsync();
        var expected = Enumerable.Range(0, Entities).Select(i => $"e{Entities - i:0000}").Chunk(Page).ToArray();
        foreach (var page in expected)
        {
            await Task.WhenAll(page.Select(id => engine.Items.SetAsync(id, new Item(1))));
            await NextMillisecondAsync(redis);
        }

        await engine.FlushAllAsync();

        Assert.Equal(expected.Select(string[] (page) => [.. page.Order(StringComparer.Ordinal)]), batches);
    }

    [Fact]
    public async Task What_another_process_holds_is_left_to_it_and_the_rest_is_flushed()
    {
        await using var holder = await TestEngine.StartAsync(new() { Item = item => (item.BatchSize, item.Shards) = (Page, 1) });
        await using var sweeper = await TestEngine.StartAsync(holder.Options with { Sweep = true });
        using var claimed = holder.Gate.HoldAt(ProtocolStep.Claimed);
        await holder.Items.SetAsync("held", new Item(1));
        var flush = holder.FlushAsync("held");
        await claimed.ReachedAsync();
        await PutAllAsync(holder);

        await Eventually.TrueAsync(async () => (await sweeper.Table.RowsAsync()).Count == Entities);
        Assert.Empty(sweeper.Sink.SentFor("held"));
        Assert.Equal(1, (await sweeper.StatusAsync()).Dirty);
        claimed.Release();
        await flush;
        Assert.Equal(1, (await sweeper.Table.RowAsync("held"))!.Version);
    }

    [Fact]
    public async Task A_shard_with_a_backlog_goes_on_while_a_batch_of_another_shard_is_slow()
    {
        await using var engine = await TestEngine.StartAsync(new() { Item = item => (item.BatchSize, item.Shards) = (10 * Page, 2) });
        await PutAllAsync(engine);
        var keys = (await BufferView.OfAsync(engine)).Keys;
        using var claimed = engine.Gate.HoldAt(ProtocolStep.Claimed);

        var flush = engine.FlushAllAsync();
        var slow = keys.ShardOf((await claimed.ReachedAsync())[0]);
        var others = Enumerable.Range(0, Entities).Count(i => keys.ShardOf($"e{i}") != slow);
        await Eventually.TrueAsync(async () => (await engine.Table.RowsAsync()).Count == others);

        claimed.Release();
        await flush;
        Assert.Equal(Entities, (await engine.Table.RowsAsync()).Count);
    }

    [Fact]
    public async Task A_batch_may_be_larger_than_what_one_command_of_a_script_can_take()
    {
        const int Many = 9_000;
        await using var engine = await TestEngine.StartAsync(new() { Item = item => (item.BatchSize, item.Shards) = (Many, 1) });
        var buffer = await BufferView.OfAsync(engine);
        var redis = await SharedServers.RedisAsync();
        await Task.WhenAll(Enumerable.Range(0, Many).Select(i => engine.Items.SetAsync($"e{i}", new Item(i))));
        using var claimed = engine.Gate.HoldAt(ProtocolStep.Claimed);

        var flush = engine.FlushAllAsync();
        Assert.Equal(Many, (await claimed.ReachedAsync()).Count);
        Assert.Equal($"{Many}", await redis.SendAsync("ZCARD", (string)buffer.Keys[0].Claims!));

        claimed.Release();
        await flush;
        Assert.Equal(Many, (await engine.Table.RowsAsync()).Count);
        Assert.Equal("0", await redis.SendAsync("ZCARD", (string)buffer.Keys[0].Claims!));
    }

    private static async Task PutAllAsync(TestEngine engine)
        => await Task.WhenAll(Enumerable.Range(0, Entities).Select(i => engine.Items.SetAsync($"e{i}", new Item(i))));

    private static async Task NextMillisecondAsync(RedisServer redis)
    {
        var now = await NowAsync(redis);
        await Eventually.TrueAsync(async () => await NowAsync(redis) != now);
    }

    private static Task<string?> NowAsync(RedisServer redis)
        => redis.SendAsync("EVAL", "local t = redis.call('TIME') return t[1] * 1000 + math.floor(t[2] / 1000)", "0");
}
