using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.LostUpdates;

// hazelcast/hazelcast#3338: the periodic flush and a flush on demand stored one key at the same time.
public sealed class OneSaveAtATimeTests
{
    private const int Entities = 20;
    private const int Rounds = 40;

    [Fact]
    public async Task One_entity_never_has_two_saves_under_way_however_many_processes_sweep_and_flush_it()
    {
        var probe = new SinkProbe { BeforeSave = YieldAsync };
        var options = new TestEngineOptions
        {
            Probe = probe,
            Sweep = true,
            Engine = engine => engine.MaxUpdateRetries = 1_000,
            Item = item
                => (item.FlushDelay, item.MaxBatchDelay, item.BatchSize) = (TimeSpan.FromMilliseconds(5), TimeSpan.FromMilliseconds(1), 7),
        };
        await using var first = await TestEngine.StartAsync(options);
        await using var second = await TestEngine.StartAsync(first.Options);
        await WatchVersionsAsync(first.Table);

        await Task.WhenAll(new[] { first, second }.SelectMany(engine => Enumerable.Range(0, Entities).Select(async i =>
        {
            for (var round = 0; round < Rounds; round++)
            {
                await engine.Items.UpdateAsync($"e{i}", state => new Item((state?.Quantity ?? 0) + 1));
                if (round % 3 == i % 3)
                {
                    await engine.FlushAsync($"e{i}");
                }
            }
        })));
        await first.FlushAllAsync();

        Assert.Equal(1, probe.MostConcurrentSavesOfOne);
        Assert.True(probe.MostConcurrentBatches > 1, "The batches never overlapped: the test saw nothing.");
        var rows = await first.Table.RowsAsync();
        Assert.Equal(Entities, rows.Count);
        Assert.All(rows.Values, row => Assert.Equal((2 * Rounds, 2 * Rounds), (row.Version, row.Quantity)));
        Assert.Equal(0, await first.Table.ScalarAsync<long>("SELECT count(*) FROM falls"));
    }

    [Fact]
    public async Task A_flush_on_demand_waits_for_the_one_under_way()
    {
        var options = new TestEngineOptions { Probe = new SinkProbe() };
        await using var first = await TestEngine.StartAsync(options);
        await using var second = await TestEngine.StartAsync(first.Options);
        await first.Items.SetAsync("a", new Item(1));
        var (entered, release) = (new TaskCompletionSource(), new TaskCompletionSource());
        first.Sink.BeforeSave = async _ =>
        {
            entered.TrySetResult();
            await release.Task;
        };

        var under = first.FlushAsync("a");
        await entered.Task;
        await second.Items.SetAsync("a", new Item(2));
        var held = await Assert.ThrowsAsync<FlushIncompleteException>(() => second.Items.FlushAsync("a", TimeSpan.Zero));
        var waiting = second.FlushAsync("a");
        Assert.Contains("another flusher holds it", held.Message, StringComparison.Ordinal);
        Assert.False(waiting.IsCompleted);

        release.SetResult();
        await Task.WhenAll(under, waiting);
        Assert.Equal(2, (await first.Table.RowAsync("a"))!.Version);
        Assert.Equal(1, first.Sink.MostConcurrentSavesOfOne);
    }

    private static async Task YieldAsync(IReadOnlyList<string> ids)
    {
        // Long enough for another flusher to come by, were it let.
        for (var i = 0; i < 50; i++)
        {
            await Task.Yield();
        }
    }

    /// <summary>Makes PostgreSQL itself note every version that does not grow.</summary>
    private static Task WatchVersionsAsync(ItemTable table) => table.ExecuteAsync(
        """
        CREATE TABLE falls (id text, before bigint, after bigint);
        CREATE FUNCTION note_fall() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF NEW."Version" <= OLD."Version" THEN INSERT INTO falls VALUES (OLD.id, OLD."Version", NEW."Version"); END IF;
          RETURN NEW;
        END $$;
        CREATE TRIGGER note_fall BEFORE UPDATE ON items FOR EACH ROW EXECUTE FUNCTION note_fall();
        """);
}
