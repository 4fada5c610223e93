using System.Collections.Concurrent;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.Timing;

/// <summary>A batch is bounded by what its states weigh as well as by their number.</summary>
public sealed class LargeStateTests
{
    private const int Entities = 40;
    private const int MiB = 1 << 20;

    // At most 8 MiB of payload in a round, or one state of each shard.
    [Theory]
    [InlineData(1, MiB - 1_000, 8)]
    [InlineData(1, 5 * MiB, 1)]
    [InlineData(4, MiB - 1_000, 8)]
    public async Task Large_states_are_saved_in_small_parts_and_all_of_them_by_one_flush(int shards, int size, int most)
    {
        await using var engine = await StartAsync(shards);
        var saves = Watch(engine);
        await Task.WhenAll(Enumerable.Range(0, Entities).Select(i => engine.Items.SetAsync($"e{i}", new Item(i, new string('x', size)))));

        var report = await engine.Engine.FlushAllAsync(TimeSpan.FromSeconds(60));

        Assert.Equal((Entities, true), (report.Flushed, report.IsClean));
        Assert.InRange(saves.Max(), 1, most);
        Assert.Equal(Entities, saves.Sum());
        Assert.Equal(Entities, (await engine.StatusAsync()).Counters.Settled);
    }

    [Fact]
    public async Task A_flush_on_demand_of_many_large_states_succeeds_for_each_of_them()
    {
        await using var engine = await StartAsync(shards: 1);
        var saves = Watch(engine);
        await Task.WhenAll(
            Enumerable.Range(0, Entities).Select(i => engine.Items.SetAsync($"e{i}", new Item(i, new string('x', MiB - 1_000)))));

        // One try each.
        await Task.WhenAll(Enumerable.Range(0, Entities).Select(i => engine.Items.FlushAsync($"e{i}", TimeSpan.Zero)));

        Assert.InRange(saves.Max(), 1, 8);
        Assert.Equal(Entities, saves.Sum());
        Assert.Equal(0, (await engine.StatusAsync()).Dirty);
    }

    [Fact]
    public async Task What_a_database_that_goes_away_leaves_of_a_large_batch_stays_dirty_and_free()
    {
        await using var engine = await StartAsync(shards: 1);
        var saves = 0;
        engine.Sink.BeforeSave = _ => Interlocked.Increment(ref saves) == 2 ? throw SinkProbe.Outage() : Task.CompletedTask;
        await Task.WhenAll(
            Enumerable.Range(0, Entities).Select(i => engine.Items.SetAsync($"e{i}", new Item(i, new string('x', MiB - 1_000)))));

        Assert.True((await engine.Engine.FlushAllAsync(TimeSpan.FromSeconds(60))).IsClean);

        Assert.Equal(1, (await engine.StatusAsync()).Counters.TransientFailures);
        Assert.Equal((Entities, 0), ((await engine.StatusAsync()).Counters.RowsApplied, (await engine.StatusAsync()).Counters.NoOps));
        Assert.Equal(1, engine.Sink.MostConcurrentSavesOfOne);
    }

    private static ConcurrentQueue<int> Watch(TestEngine engine)
    {
        var saves = new ConcurrentQueue<int>();
        engine.Sink.BeforeSave = ids =>
        {
            saves.Enqueue(ids.Count);
            return Task.CompletedTask;
        };
        return saves;
    }

    private static async Task<TestEngine> StartAsync(int shards)
    {
        var engine = await TestEngine.StartAsync(new()
        {
            Item = item => (item.Shards, item.MaxPayloadBytes, item.Lease, item.StatementTimeout) =
                (shards, 8 * MiB, TimeSpan.FromMinutes(1), TimeSpan.FromSeconds(40)),
        });
        await engine.Table.ExecuteAsync("ALTER TABLE items ALTER COLUMN note TYPE text");
        return engine;
    }
}
