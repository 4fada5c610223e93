using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Edges;

/// <summary>The same edges on a Redis Cluster, whose shards are on several servers, of which one may go back and the others not.</summary>
public sealed class ClusterEdgeTests : IAsyncLifetime
{
    private static readonly string[] Ids = [.. Enumerable.Range(0, 60).Select(static n => $"e{n}")];

    private RedisCluster _cluster = null!;
    private TestEngine _engine = null!;

    public async Task InitializeAsync()
    {
        _cluster = await RedisCluster.StartAsync(new() { Timeout = TimeSpan.FromSeconds(15) });
        _engine = await TestEngine.StartAsync(new() { Redis = _cluster.Configuration });
        await SetAllAsync(_engine, 1);
        Assert.True((await _engine.FlushAllAsync()).IsClean);
    }

    public async Task DisposeAsync()
    {
        await _engine.DisposeAsync();
        await _cluster.DisposeAsync();
    }

    [Fact]
    public async Task Writes_that_meet_rows_raised_to_their_versions_are_told_in_every_shard()
    {
        await _engine.Table.ExecuteAsync("""UPDATE items SET quantity = 99, "Version" = "Version" + 1""");
        await SetAllAsync(_engine, 5);

        var report = await _engine.FlushAllAsync();

        Assert.Equal(0, report.Flushed);
        Assert.All(await _engine.Table.RowsAsync(), static row => Assert.Equal((2, 99), (row.Value.Version, row.Value.Quantity)));
        var letters = await _engine.Engine.DeadLetters.ListAsync("item", limit: 1_000);
        Assert.Equal(Ids.Order(StringComparer.Ordinal), letters.Select(static letter => letter.Id).Order(StringComparer.Ordinal));
        Assert.All(letters, static letter => Assert.Equal(
            (DeadLetterReason.Fenced, 2, 2), (letter.Reason, letter.Version, letter.StoredVersion)));

        await SetAllAsync(_engine, 7);
        Assert.True((await _engine.FlushAllAsync()).IsClean);
        Assert.All(await _engine.Table.RowsAsync(), static row => Assert.Equal((3, 7), (row.Value.Version, row.Value.Quantity)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_is_acknowledged_after_one_of_its_servers_went_back_reaches_the_database(bool byANewProcess)
    {
        var node = _cluster.Nodes[1];
        var copy = await node.CopyDataAsync();
        await AnswersAsync(_engine);
        for (var quantity = 2; quantity <= 4; quantity++)
        {
            await SetAllAsync(_engine, quantity);
            Assert.True((await _engine.FlushAllAsync()).IsClean);
        }

        await node.RestoreDataAsync(copy);
        await using var other = byANewProcess ? await StartAsync() : null;
        var writer = other ?? _engine;
        await AnswersAsync(writer);
        await SetAllAsync(writer, 5);
        Assert.True((await writer.FlushAllAsync()).Remaining.Count == 0);

        Assert.All(await writer.Table.RowsAsync(), static row => Assert.Equal((5, 5), (row.Value.Version, row.Value.Quantity)));
        Assert.Empty(await writer.Engine.DeadLetters.ListAsync("item"));
        await Told.AsItWentBackAsync(_engine, other);
    }

    /// <summary>Another process of the service; its start needs the node that is just coming back.</summary>
    private async Task<TestEngine> StartAsync()
    {
        TestEngine? started = null;
        await Eventually.TrueAsync(async () =>
        {
            try
            {
                started = await TestEngine.StartAsync(_engine.Options);
                return true;
            }
            catch (BufferUnavailableException)
            {
                return false;
            }
        });
        return started!;
    }

    private static Task<long[]> SetAllAsync(TestEngine engine, int quantity)
        => Task.WhenAll(Ids.Select(id => engine.Items.SetAsync(id, new Item(quantity))));

    private static Task AnswersAsync(TestEngine engine) => Eventually.TrueAsync(
        async () =>
        {
            try
            {
                return (await engine.Items.GetManyAsync(Ids)).Count == Ids.Length;
            }
            catch (BufferUnavailableException)
            {
                return false;
            }
        },
        because: "all servers answer");
}
