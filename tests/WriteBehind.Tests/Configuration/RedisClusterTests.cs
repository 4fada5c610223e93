using WriteBehind.Buffer;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Configuration;

/// <summary>On three real masters: whatever crossed a slot would be answered with CROSSSLOT or MOVED.</summary>
public sealed class RedisClusterTests(RedisClusterFixture fixture) : IClassFixture<RedisClusterFixture>
{
    private const int Entities = 300;

    [Fact]
    public async Task Writes_reads_flushes_and_settles_work_in_every_slot()
    {
        await using var engine = await StartAsync();
        await Task.WhenAll(Ids.Select(id => engine.Items.SetAsync(id, new Item(1))));
        Assert.Equal(Entities, (await engine.Items.GetManyAsync(Ids)).Count);
        Assert.Equal(Entities, (await engine.StatusAsync()).Dirty);
        foreach (var node in fixture.Cluster.Nodes)
        {
            Assert.NotEqual("0", await node.SendAsync("DBSIZE"));
        }

        Assert.True((await engine.Engine.FlushAllAsync(TimeSpan.FromMinutes(1))).IsClean);
        await Task.WhenAll(Ids.Select(id => engine.Items.UpdateAsync(id, static item => item! with { Quantity = 2 })));
        await Task.WhenAll(Ids.Select(id => engine.Items.FlushAsync(id, TimeSpan.FromMinutes(1))));

        var rows = await engine.Table.RowsAsync();
        Assert.All(Ids, id => Assert.Equal((2, 2), (rows[id].Version, rows[id].Quantity)));
        Assert.Equal(0, (await engine.StatusAsync()).Dirty);
        Assert.Equal(2 * Entities, (await engine.StatusAsync()).Counters.Settled);
    }

    [Fact]
    public async Task A_bound_of_which_some_shards_would_have_no_part_is_refused_at_start_on_a_cluster()
    {
        var error = await Assert.ThrowsAsync<ConfigurationException>(
            () => TestEngine.StartAsync(new() { Redis = fixture.Cluster.Configuration, Item = static item => item.MaxDirty = 15 }));

        Assert.Equal("MaxDirty", error.Setting);
        Assert.Contains("use at least 16", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pause_of_the_flush_holds_in_every_slot()
    {
        await using var engine = await StartAsync();
        await Task.WhenAll(Ids.Select(id => engine.Items.SetAsync(id, new Item(1))));

        await engine.Engine.PauseAsync("item");
        Assert.Equal(Entities, (await engine.Engine.FlushAllAsync(TimeSpan.FromMinutes(1))).Remaining["item"]);
        Assert.Empty(engine.Sink.Sent);

        await engine.Engine.ResumeAsync("item");
        Assert.True((await engine.Engine.FlushAllAsync(TimeSpan.FromMinutes(1))).IsClean);
    }

    [Fact]
    public async Task An_operator_sees_entities_of_every_slot_and_what_differs()
    {
        await using var engine = await StartAsync(static item => item.AfterFlush = AfterFlush.Keep);
        await Task.WhenAll(Ids.Select(id => engine.Items.SetAsync(id, new Item(1))));
        Assert.Equal(
            Ids.Order(StringComparer.Ordinal),
            (await engine.Engine.OldestAsync("item", 1_000)).Select(static entity => entity.Id).Order(StringComparer.Ordinal));
        await engine.Engine.FlushAllAsync(TimeSpan.FromMinutes(1));
        await engine.Table.PutAsync(new ItemRow(Ids[0], Version: 5, Quantity: 50, Note: null));

        var found = await engine.Engine.CompareAsync("item", mend: true);

        Assert.Equal((Entities, 1, 1), (found.Compared, found.Differing, found.Mended));
        Assert.Equal(Ids[0], Assert.Single(found.Differences).Id);
        Assert.Null((await engine.Engine.InspectAsync("item", Ids[0])).Buffered);
    }

    [Fact]
    public async Task Sweeps_find_what_is_due_in_every_slot_deletes_too()
    {
        await using var engine = await StartAsync(sweep: true);
        await Task.WhenAll(Ids.Select(id => engine.Items.SetAsync(id, new Item(1))));
        await Eventually.TrueAsync(async () => (await engine.Table.RowsAsync()).Count == Entities);
        await Task.WhenAll(Ids.Select(id => engine.Items.DeleteAsync(id)));
        await Eventually.TrueAsync(async () => (await engine.Table.RowsAsync()).Count == 0);
        await Eventually.TrueAsync(async () => (await engine.StatusAsync()).Dirty == 0);
        Assert.Empty(await engine.Items.GetManyAsync(Ids));
        Assert.All((await engine.Engine.GetStatusAsync()).Loops, static loop => Assert.Equal(0, loop.ConsecutiveFailures));
    }

    [Fact]
    public async Task Dead_letters_are_listed_retried_and_discarded_in_every_slot()
    {
        await using var engine = await StartAsync(static item => item.MaxAttempts = 1);
        await Task.WhenAll(Ids.Select(id => engine.Items.SetAsync(id, new Item(-1))));
        await engine.Engine.FlushAllAsync(TimeSpan.FromMinutes(1));
        var letters = engine.Engine.DeadLetters;
        Assert.Equal(Entities, (await letters.ListAsync("item", limit: 1_000)).Count);
        Assert.True(await letters.DiscardAsync("item", Ids[0]));

        await engine.Table.ExecuteAsync("ALTER TABLE items DROP CONSTRAINT quantity_not_negative");
        Assert.Equal(Entities - 1, await letters.RetryAllAsync("item"));
        Assert.True((await engine.Engine.FlushAllAsync(TimeSpan.FromMinutes(1))).IsClean);
        Assert.Equal(Entities - 1, (await engine.Table.RowsAsync()).Count);
    }

    [Fact]
    public async Task A_write_between_save_and_settle_is_seen_by_the_cluster_too()
    {
        await using var engine = await StartAsync();
        await using var other = await TestEngine.StartAsync(engine.Options);
        await Task.WhenAll(Ids.Select(id => engine.Items.SetAsync(id, new Item(1))));
        engine.Gate.RunAt(ProtocolStep.Saved, () => Task.WhenAll(Ids.Select(id => other.Items.SetAsync(id, new Item(2)))));
        await engine.Engine.FlushAllAsync(TimeSpan.FromMinutes(1));
        Assert.True((await engine.StatusAsync()).Counters.SettleAborts > 0);

        Assert.True((await engine.Engine.FlushAllAsync(TimeSpan.FromMinutes(1))).IsClean);
        Assert.All(await engine.Table.RowsAsync(), static row => Assert.Equal(2, row.Value.Quantity));
    }

    [Fact]
    public async Task Replica_acknowledgements_are_refused_at_start_as_a_wait_cannot_be_routed()
    {
        var error = await Assert.ThrowsAsync<ConfigurationException>(() => TestEngine.StartAsync(new()
        {
            Redis = fixture.Cluster.Configuration,
            Engine = static engine => engine.ReplicaAcknowledgements = 1,
        }));

        Assert.Equal(nameof(WriteBehindOptions.ReplicaAcknowledgements), error.Setting);
        Assert.Contains("Redis Cluster", error.Message, StringComparison.Ordinal);
    }

    private static string[] Ids { get; } = [.. Enumerable.Range(0, Entities).Select(static n => $"e{n}")];

    private Task<TestEngine> StartAsync(Action<EntityTypeOptions<Item>>? item = null, bool sweep = false)
        => TestEngine.StartAsync(new() { Redis = fixture.Cluster.Configuration, Sweep = sweep, Item = item });
}
