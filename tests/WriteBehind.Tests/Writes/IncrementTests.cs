using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.Writes;

// redisson/redisson#2600: increments and partial updates did not take the way that full writes take, and were not written behind.
public sealed class IncrementTests
{
    private const int Callers = 64;
    private const int Rounds = 25;

    [Fact]
    public async Task Increments_of_64_concurrent_callers_in_two_processes_add_up_exactly_and_each_is_one_version()
    {
        var options = new TestEngineOptions
        {
            Sweep = true,
            Engine = engine => engine.MaxUpdateRetries = 1_000,
            Item = item => (item.FlushDelay, item.MaxBatchDelay) = (TimeSpan.FromMilliseconds(20), TimeSpan.Zero),
        };
        await using var first = await TestEngine.StartAsync(options);
        await using var second = await TestEngine.StartAsync(first.Options);

        await Task.WhenAll(Enumerable.Range(0, Callers).Select(async caller =>
        {
            var items = (caller % 2 == 0 ? first : second).Items;
            for (var round = 0; round < Rounds; round++)
            {
                await items.UpdateAsync($"e{(caller + round) % 5}", state => new Item((state?.Quantity ?? 0) + 1));
            }
        }));
        await first.FlushAllAsync();

        var rows = (await first.Table.RowsAsync()).Values.ToArray();
        Assert.Equal(Callers * Rounds, rows.Sum(row => row.Quantity));
        var (one, two) = ((await first.StatusAsync()).Counters, (await second.StatusAsync()).Counters);
        Assert.Equal(Callers * Rounds, rows.Sum(row => row.Version));
        Assert.Equal(Callers * Rounds, one.WritesAcknowledged + two.WritesAcknowledged);
        Assert.True(one.RowsApplied + two.RowsApplied < one.BufferWrites + two.BufferWrites, "Nothing was coalesced.");
    }

    [Fact]
    public async Task A_partial_update_leaves_the_same_in_Redis_and_in_the_database_as_a_full_write()
    {
        await using var engine = await TestEngine.StartAsync();
        var buffer = await BufferView.OfAsync(engine);
        foreach (var id in new[] { "full", "partial" })
        {
            await engine.Table.PutAsync(new ItemRow(id, 5, 1, "same"));
        }

        await engine.Items.SetAsync("full", new Item(2, "same"));
        await engine.Items.UpdateAsync("partial", state => state! with { Quantity = 2 });

        Assert.Equal(await buffer.PayloadAsync("full"), await buffer.PayloadAsync("partial"));
        Assert.True(await buffer.IsDirtyAsync("full") && await buffer.IsDirtyAsync("partial"));
        await engine.FlushAllAsync();
        Assert.Equal(new ItemRow("full", 6, 2, "same"), await engine.Table.RowAsync("full"));
        Assert.Equal(new ItemRow("partial", 6, 2, "same"), await engine.Table.RowAsync("partial"));
        Assert.Equal(-2, await buffer.TimeToLiveAsync("partial"));
    }
}
