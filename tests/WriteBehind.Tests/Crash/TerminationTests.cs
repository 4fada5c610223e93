using System.Globalization;
using WriteBehind.Tests.Children;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Crash;

public sealed class TerminationTests
{
    // dotnet/orleans#9655
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Nothing_acknowledged_is_lost_when_a_process_with_ten_thousand_dirty_entities_is_terminated(bool databaseIsUp)
    {
        await using var postgres = await PostgresServer.StartAsync(new() { Fsync = false });
        var database = await postgres.CreateDatabaseAsync();
        var table = new ItemTable(database);
        await table.CreateAsync();
        var options = new TestEngineOptions
        {
            Redis = (await SharedServers.RedisAsync()).Configuration,
            Postgres = database,
            Prefix = SharedServers.FreshName("crash"),
        };
        // Time enough to drain; without a database all of it is used up.
        var drain = TimeSpan.FromSeconds(databaseIsUp ? 30 : 4);
        await using var service = ChildEngine.Start<FullService>(options, $"{drain}");
        await service.WaitForLineAsync(static line => line == "full");
        if (!databaseIsUp)
        {
            await postgres.StopAsync();
        }

        service.Terminate();

        Assert.Equal(0, await service.WaitForExitAsync());
        var stopped = Assert.Single(service.Output, static line => line.StartsWith("stopped", StringComparison.Ordinal));
        Assert.InRange(double.Parse(stopped.Split(' ')[1], CultureInfo.InvariantCulture), 0, drain.TotalSeconds + 10);
        if (!databaseIsUp)
        {
            await postgres.RestartAsync();
        }

        await using var next = await TestEngine.StartAsync(options);
        Assert.Equal(databaseIsUp ? 0 : FullService.Entities, (await next.StatusAsync()).Dirty);
        Assert.True((await next.Engine.FlushAllAsync(TimeSpan.FromMinutes(1))).IsClean);
        var rows = await table.RowsAsync();
        Assert.Equal(FullService.Entities, rows.Count);
        Assert.All(Enumerable.Range(0, FullService.Entities), i => Assert.Equal(i, rows[FullService.IdOf(i)].Quantity));
    }
}
