using System.Globalization;
using WriteBehind.Tests.Children;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Crash;

public sealed class KilledOwnerTests
{
    // hazelcast/hazelcast#1317, hazelcast/hazelcast#5757
    [Fact]
    public async Task Everything_acknowledged_arrives_when_the_owner_is_killed_and_restarted_while_the_database_is_down()
    {
        await using var postgres = await PostgresServer.StartAsync(new() { Fsync = false });
        var database = await postgres.CreateDatabaseAsync();
        var table = new ItemTable(database);
        await table.CreateAsync();
        await VersionWatch.AttachAsync(table);
        var options = new TestEngineOptions
        {
            Redis = (await SharedServers.RedisAsync()).Configuration,
            Postgres = database,
            Prefix = SharedServers.FreshName("crash"),
        };
        var writes = new AcknowledgedWrites();

        await using (var owner = ChildEngine.Start<TirelessWriter>(options, "1"))
        {
            await owner.WaitForLineAsync(static line => line == "round");
            await postgres.KillAsync();
            await KillAfterMoreRoundsAsync(owner);
            writes.Read(owner.Output);
        }

        var next = writes.Count;
        await using (var restarted = ChildEngine.Start<TirelessWriter>(options, next.ToString(CultureInfo.InvariantCulture)))
        {
            await KillAfterMoreRoundsAsync(restarted);
            writes.Read(restarted.Output);
        }

        Assert.True(writes.Count > next, "the restarted owner goes on without a database");
        await postgres.RestartAsync();
        await using var recovering = await TestEngine.StartAsync(options with { Sweep = true });
        await Eventually.TrueAsync(async () => (await recovering.StatusAsync()).Dirty == 0);
        writes.AssertEqual(await table.RowsAsync());
        await VersionWatch.AssertNoFallAsync(table);
    }

    private static async Task KillAfterMoreRoundsAsync(ChildProcess child)
    {
        var before = child.Output.Count(static line => line == "round");
        await Eventually.TrueAsync(() => child.Output.Count(static line => line == "round") >= before + 3);
        child.Kill();
        await child.WaitForExitAsync();
    }
}
