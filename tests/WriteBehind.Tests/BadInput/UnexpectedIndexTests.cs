using WriteBehind.Buffer;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.BadInput;

/// <summary>Something of another program lies where the index of a shard should be.</summary>
public sealed class UnexpectedIndexTests
{
    [Fact]
    public async Task In_one_shard_it_fails_the_writes_of_that_shard_and_those_that_shared_its_script_call_get_through()
    {
        await using var engine = await TestEngine.StartAsync(new()
        {
            Item = static item => item.Shards = 4,
            Engine = static settings => settings.WriteTimeout = TimeSpan.FromSeconds(8),
        });
        var keys = new KeyLayout(engine.Options.Prefix!, "item", shards: 4);
        string[] ids = [.. Enumerable.Range(0, 40).Select(i => $"e{i}")];
        var redis = await SharedServers.RedisAsync();
        await redis.SendAsync("SET", (string)keys[2].Dirty!, "foreign");

        // All of them are written by one call, as those before it are held until they have come.
        using var house = await FullHouse.FillAsync(
            engine, Enumerable.Range(0, 100).Select(i => $"head{i}").Where(id => keys.ShardOf(id) != 2));
        var writes = ids.ToDictionary(id => id, id => engine.Items.SetAsync(id, new Item(1)));
        await Eventually.TrueAsync(() => engine.Sink.Loads == ids.Length + house.Count);
        await house.ReleaseAsync();

        foreach (var (id, write) in writes)
        {
            if (keys.ShardOf(id) == 2)
            {
                var error = await Assert.ThrowsAsync<BufferUnavailableException>(() => write);
                Assert.Equal(id, error.EntityId);
            }
            else
            {
                Assert.Equal(1, await write);
            }
        }

        await redis.SendAsync("DEL", (string)keys[2].Dirty!);
        var again = Assert.Single(ids.Where(id => keys.ShardOf(id) == 2).Take(1));
        Assert.Equal(1, await engine.Items.SetAsync(again, new Item(2)));
    }
}
