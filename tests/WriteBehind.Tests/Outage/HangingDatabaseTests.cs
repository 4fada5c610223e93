using System.Diagnostics;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Outage;

/// <summary>A database that does not fail but stands still.</summary>
public sealed class HangingDatabaseTests
{
    [Fact]
    public async Task A_flush_on_demand_keeps_its_time_out_while_the_database_stands_still()
    {
        await using var postgres = await PostgresServer.StartAsync(new() { Fsync = false });
        var database = await postgres.CreateDatabaseAsync();
        await new ItemTable(database).CreateAsync();
        await using var engine = await TestEngine.StartAsync(new()
        {
            Postgres = database,
            Item = static item => (item.Lease, item.StatementTimeout) = (TimeSpan.FromMinutes(2), TimeSpan.FromSeconds(90)),
        });
        await engine.Items.SetAsync("a", new Item(1));
        await engine.FlushAsync("a");
        await engine.Items.SetAsync("a", new Item(2));
        await postgres.FreezeAsync();

        var started = Stopwatch.GetTimestamp();
        var error = await Assert.ThrowsAsync<FlushIncompleteException>(() => engine.Items.FlushAsync("a", TimeSpan.FromSeconds(1)));

        Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.FromSeconds(0.9), TimeSpan.FromSeconds(45));
        Assert.Contains("does not answer", error.Message, StringComparison.Ordinal);

        // What was given up goes on, and nothing of it is in the way of the next.
        await postgres.ThawAsync();
        await engine.FlushAsync("a");
        Assert.Equal(2, (await engine.Table.RowAsync("a"))!.Quantity);
    }
}
