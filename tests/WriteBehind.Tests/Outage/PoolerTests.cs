using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using WriteBehind.Tests.Caching;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Outage;

/// <summary>Whole services with PgBouncer before their database.</summary>
public sealed class PoolerTests
{
    [Fact]
    public async Task Two_processes_behind_a_pooler_in_transaction_mode_bring_every_state_to_its_own_table_with_no_setting()
    {
        var database = await SharedServers.CreateDatabaseAsync();
        await new ItemTable(database).CreateAsync();
        await using var pooler = await PgBouncer.StartAsync(database, "default_pool_size = 3");
        var options = new TestEngineOptions
        {
            Postgres = pooler.ConnectionString,
            Sweep = true,
            More = static builder => builder.AddEntity<Reading>(
                "reading", static reading => reading.FlushDelay = TimeSpan.FromMilliseconds(50)),
        };
        await using var one = await TestEngine.StartAsync(options);
        await using var two = await TestEngine.StartAsync(one.Options);
        string[] ids = [.. Enumerable.Range(0, 200).Select(static i => $"{i}")];
        for (var round = 1; round <= 4; round++)
        {
            await Task.WhenAll(ids.SelectMany((id, i) => new Task[]
            {
                (i % 2 == 0 ? one : two).Items.SetAsync(id, new Item(round)),
                (i % 2 == 0 ? two : one).Engine.Store<Reading>("reading").SetAsync(id, new Reading { Count = -round }),
            }));
        }

        Assert.True((await one.FlushAllAsync()).IsClean);

        var direct = new ItemTable(database);
        var rows = await direct.RowsAsync();
        Assert.All(ids, id => Assert.Equal((4, 4), (rows[id].Version, rows[id].Quantity)));
        Assert.Equal(ids.Length, await direct.ScalarAsync<long>("SELECT count(*) FROM readings WHERE count = -4 AND \"Version\" = 4"));
        Assert.Equal(0, (await one.Engine.GetStatusAsync()).Types.Sum(static type => type.DeadLetters + type.Dirty));
    }

    [Fact]
    public async Task A_service_with_all_its_parts_behind_a_pooler_in_transaction_mode_brings_every_state_to_the_database()
    {
        const int Entities = 100;
        var database = await SharedServers.CreateDatabaseAsync();
        await new ItemTable(database).CreateAsync();
        await using var pooler = await PgBouncer.StartAsync(database);
        var name = SharedServers.FreshName("pages");
        await using var node = await CacheNode.StartAsync(
            new()
            {
                Postgres = pooler.ConnectionString,
                Sweep = true,
                Item = static item => (item.NotifyFlush, item.AfterFlush) = (true, AfterFlush.Keep),
            },
            name,
            more: builder => builder.AddPostgresInvalidation<ItemContext>($"{name}-rows").AddQueue("jobs"));
        var engine = node.Engine;
        string[] ids = [.. Enumerable.Range(0, Entities).Select(static i => $"{i}")];
        for (var round = 1; round <= 3; round++)
        {
            await Task.WhenAll(ids.SelectMany(id => new Task[]
            {
                engine.Items.UpdateAsync(id, static item => new Item((item?.Quantity ?? 0) + 1)),
                node.Readings.SetAsync(id, new Reading { Count = round }),
            }));
        }

        await Task.WhenAll(ids.Take(10).Select(id => engine.Items.With(WriteStrategy.Through).SetAsync(id, new Item(10))));
        Assert.True((await engine.FlushAllAsync()).IsClean);

        var direct = new ItemTable(database);
        var rows = await direct.RowsAsync();
        Assert.All(ids, id => Assert.Equal(int.Parse(id, CultureInfo.InvariantCulture) < 10 ? 10 : 3, rows[id].Quantity));
        Assert.Equal(Entities, await direct.ScalarAsync<long>("SELECT count(*) FROM readings WHERE count = 3"));
        Assert.Equal(0, (await engine.StatusAsync()).DeadLetters);
        await Eventually.TrueAsync(
            async () => (await engine.Engine.GetStatusAsync()).Loops.Any(
                loop => loop.Name == $"listen {name}-rows" && loop.LastError?.Contains("pooler", StringComparison.Ordinal) == true),
            because: "the status says that notifications do not arrive");
        await direct.ExecuteAsync("UPDATE readings SET count = 77, \"Version\" = \"Version\" + 1");
        await Eventually.TrueAsync(
            async () => (await node.Readings.GetAsync("5"))?.State.Count == 77, because: "the cache is emptied from time to time instead");
    }
}
