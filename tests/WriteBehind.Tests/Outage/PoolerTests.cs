using WriteBehind.Testing;
using WriteBehind.Tests.Support;

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
}
