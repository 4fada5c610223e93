using System.Globalization;
using Microsoft.Extensions.Logging;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Edges;

/// <summary>
/// While its master is away the client library sends scripts to a replica, though not a SET. Every command is the master's: an old state
/// must not be given. And where a replica that lags is made the master, what is acknowledged from then on reaches PostgreSQL.
/// </summary>
public sealed class ReplicaTests
{
    [Fact]
    public async Task A_read_while_the_master_is_away_fails_and_gives_no_old_state()
    {
        await using var master = await RedisServer.StartAsync();
        await using var replica = await RedisServer.StartAsync(new() { ReplicaOf = master.Port });
        await using var engine = await TestEngine.StartAsync(new()
        {
            Redis = $"127.0.0.1:{master.Port},127.0.0.1:{replica.Port},abortConnect=false,connectTimeout=2000,syncTimeout=2000",
        });
        await engine.Items.SetAsync("a", new Item(1));
        await Eventually.TrueAsync(
            async () => await replica.SendAsync("DBSIZE") == await master.SendAsync("DBSIZE"), because: "the replica has it");
        Assert.Equal(new Item(1), (await engine.Items.GetAsync("a"))!.State);

        await master.FreezeAsync();
        await Assert.ThrowsAsync<BufferUnavailableException>(() => engine.Items.GetAsync("a"));
        await master.ThawAsync();
        await master.KillAsync();

        for (var i = 0; i < 20; i++)
        {
            await Assert.ThrowsAsync<BufferUnavailableException>(() => engine.Items.GetAsync("a"));
        }
    }

    [Theory]
    [InlineData(AfterFlush.Delete)]
    [InlineData(AfterFlush.Keep)]
    public async Task What_is_acknowledged_after_a_replica_that_lags_became_the_master_reaches_the_database(AfterFlush afterFlush)
    {
        await using var master = await RedisServer.StartAsync();
        await using var replica = await RedisServer.StartAsync(new() { ReplicaOf = master.Port });
        await using var engine = await TestEngine.StartAsync(new()
        {
            Redis = $"127.0.0.1:{master.Port},127.0.0.1:{replica.Port},abortConnect=false,connectTimeout=4000,syncTimeout=4000",
            Item = item => item.AfterFlush = afterFlush,
        });
        await engine.Items.SetAsync("settled", new Item(1));
        await engine.FlushAsync("settled");
        await engine.Items.SetAsync("dirty", new Item(1));
        await Eventually.TrueAsync(
            async () => await OffsetAsync(replica, "slave_repl_offset") >= await OffsetAsync(master, "master_repl_offset"),
            because: "the replica has it");

        // It keeps what it has, and hears of nothing that comes.
        await replica.SendAsync("REPLICAOF", "127.0.0.1", "1");
        foreach (var id in new[] { "settled", "dirty" })
        {
            for (var quantity = 2; quantity <= 4; quantity++)
            {
                await engine.Items.SetAsync(id, new Item(quantity));
                await engine.FlushAsync(id);
            }
        }

        await engine.Items.SetAsync("lost", new Item(1));
        await master.KillAsync();
        await replica.SendAsync("REPLICAOF", "NO", "ONE");
        await Eventually.TrueAsync(() => AnswersAsync(engine), because: "the new master is found");

        foreach (var id in new[] { "settled", "dirty" })
        {
            Assert.Equal(new Entity<Item>(id, 4, new Item(4)), await engine.Items.GetAsync(id));
            Assert.Equal(5, await engine.Items.SetAsync(id, new Item(5)));
            await engine.FlushAsync(id);
            Assert.Equal(new ItemRow(id, 5, 5, null), await engine.Table.RowAsync(id));
        }

        // What nobody else had is gone with the master, and it is said.
        Assert.Null(await engine.Items.GetAsync("lost"));
        await Eventually.TrueAsync(
            async () => (await engine.Engine.GetStatusAsync()).Durability.WentBackAt is not null, because: "it is seen in the status");
        Assert.True(engine.Log.Has(LogLevel.Critical, "went back to an older state"));
        Assert.Empty(await engine.Engine.DeadLetters.ListAsync("item"));
    }

    [Fact]
    public async Task An_operation_that_only_the_old_master_had_and_that_was_flushed_from_there_is_not_counted_again_by_the_new_one()
    {
        await using var master = await RedisServer.StartAsync();
        await using var replica = await RedisServer.StartAsync(new() { ReplicaOf = master.Port });
        await using var engine = await TestEngine.StartAsync(new()
        {
            Redis = $"127.0.0.1:{master.Port},127.0.0.1:{replica.Port},connectTimeout=4000,syncTimeout=4000",
            Engine = static settings =>
            {
                (settings.ReplicaAcknowledgements, settings.ReplicaTimeout) = (1, TimeSpan.FromSeconds(2));
                (settings.WriteTimeout, settings.WatchInterval) = (TimeSpan.FromSeconds(8), TimeSpan.FromMinutes(10));
            },
        });

        // A replica that has just started is not yet one that can be waited for.
        await Eventually.TrueAsync(
            async () => await Record.ExceptionAsync(() => engine.Items.SetAsync("first", new Item(1))) is null,
            because: "the replica has joined");
        await engine.Items.UpdateAsync("a", OperationId.New(), AddOne);
        await engine.FlushAsync("a");
        await Eventually.TrueAsync(
            async () => await OffsetAsync(replica, "slave_repl_offset") >= await OffsetAsync(master, "master_repl_offset"),
            because: "the replica has it");
        await replica.SendAsync("REPLICAOF", "127.0.0.1", "1");
        var operation = OperationId.New();
        var unknown = await Assert.ThrowsAsync<BufferUnavailableException>(() => engine.Items.UpdateAsync("a", operation, AddOne));
        Assert.True(unknown.OutcomeUnknown);
        await engine.FlushAsync("a");
        Assert.Equal(2, (await engine.Table.RowAsync("a"))!.Quantity);

        await master.KillAsync();
        await replica.SendAsync("REPLICAOF", "NO", "ONE");
        await using var another = await RedisServer.StartAsync(new() { ReplicaOf = replica.Port });
        await Eventually.TrueAsync(() => AnswersAsync(engine), because: "the new master is found");

        await Eventually.TrueAsync(
            async () => await Record.ExceptionAsync(() => engine.Items.UpdateAsync("a", operation, AddOne)) is OperationForgottenException,
            because: "it is told that nobody knows, once the replica's replica answers");
        Assert.Equal(2, (await engine.Items.GetAsync("a"))!.State.Quantity);

        static Item AddOne(Item? item) => new((item?.Quantity ?? 0) + 1);
    }

    private static async Task<long> OffsetAsync(RedisServer server, string name)
    {
        var lines = (await server.SendAsync("INFO", "replication"))!.Split('\n');
        return lines.FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal)) is { } found
            ? long.Parse(found.Trim().Split(':')[1], CultureInfo.InvariantCulture)
            : -1;
    }

    private static async Task<bool> AnswersAsync(TestEngine engine)
    {
        try
        {
            return await engine.Items.GetAsync("nobody") is null;
        }
        catch (BufferUnavailableException)
        {
            return false;
        }
    }
}
