using WriteBehind.Testing;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.Edges;

/// <summary>
/// While its master is away the client library sends scripts to a replica, though not a SET. Every command is the master's: an old state
/// must not be given.
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
}
