using System.Diagnostics;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Configuration;

public sealed class ReplicaAcknowledgementTests
{
    [Fact]
    public async Task Writes_are_acknowledged_while_a_replica_takes_them_and_of_unknown_outcome_when_none_does()
    {
        await using var master = await RedisServer.StartAsync(new() { ExtraArguments = ["--repl-diskless-sync-delay", "0"] });
        await using var replica = await RedisServer.StartAsync(new() { ReplicaOf = master.Port });
        await Eventually.TrueAsync(
            async () => (await replica.SendAsync("INFO", "replication"))!.Contains("master_link_status:up", StringComparison.Ordinal));
        await using var engine = await TestEngine.StartAsync(new()
        {
            Redis = master.Configuration,
            Engine = static engine =>
            {
                engine.ReplicaAcknowledgements = 1;
                engine.ReplicaTimeout = TimeSpan.FromMilliseconds(300);
                engine.WriteTimeout = TimeSpan.FromSeconds(1);
            },
        });

        await engine.Items.SetAsync("a", new Item(1));
        Assert.NotEqual("0", await replica.SendAsync("DBSIZE"));

        await replica.FreezeAsync();
        var started = Stopwatch.GetTimestamp();
        var error = await Assert.ThrowsAsync<BufferUnavailableException>(() => engine.Items.SetAsync("a", new Item(2)));
        Assert.True(error.OutcomeUnknown);
        Assert.Contains("ReplicaAcknowledgements", error.ToString(), StringComparison.Ordinal);
        Assert.InRange(Stopwatch.GetElapsedTime(started).TotalSeconds, 0.3, 5);

        await replica.ThawAsync();
        await Eventually.TrueAsync(
            async () => await engine.Items.SetAsync("a", new Item(3)) == 3, because: "it was written once meanwhile");
        await engine.Items.FlushAsync("a", TimeSpan.FromMinutes(1));
        Assert.Equal(3, (await engine.Table.RowAsync("a"))!.Quantity);
    }

    [Fact]
    public async Task Reads_flushes_and_status_go_on_while_writes_wait_for_a_replica_that_stands_still()
    {
        const int entities = 64;
        await using var master = await RedisServer.StartAsync(new() { ExtraArguments = ["--repl-diskless-sync-delay", "0"] });
        await using var replica = await RedisServer.StartAsync(new() { ReplicaOf = master.Port });
        await Eventually.TrueAsync(
            async () => (await replica.SendAsync("INFO", "replication"))!.Contains("master_link_status:up", StringComparison.Ordinal));
        await using var engine = await TestEngine.StartAsync(new()
        {
            Redis = master.Configuration,
            Engine = static engine =>
            {
                engine.ReplicaAcknowledgements = 1;
                engine.ReplicaTimeout = TimeSpan.FromSeconds(5);
                engine.WriteTimeout = TimeSpan.FromSeconds(30);
            },
        });
        string[] ids = [.. Enumerable.Range(0, entities).Select(static n => $"e{n}")];
        await Task.WhenAll(ids.Select(id => engine.Items.SetAsync(id, new Item(1))));

        await replica.FreezeAsync();
        var writes = Array.ConvertAll(ids, id => engine.Items.SetAsync(id, new Item(2)));
        await Eventually.TrueAsync(
            async () => !(await master.SendAsync("INFO", "clients"))!.Contains("blocked_clients:0", StringComparison.Ordinal));

        Assert.Equal(entities, (await engine.Items.GetManyAsync(ids)).Count);
        await engine.FlushAsync(ids[0]);
        Assert.True((await engine.FlushAllAsync()).IsClean);
        Assert.True((await engine.Engine.GetStatusAsync()).Durability.Reachable);
        Assert.All(writes, static write => Assert.False(write.IsCompletedSuccessfully));

        await replica.ThawAsync();
        await Task.WhenAll(writes.Select(static write => Record.ExceptionAsync(() => write)));
        await Eventually.TrueAsync(async () => await Record.ExceptionAsync(() => engine.Items.SetAsync("e0", new Item(3))) is null);
    }
}
