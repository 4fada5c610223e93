using System.Collections;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;
using WriteBehind.Buffer;
using WriteBehind.Redis;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Configuration;

/// <summary>Writes of all shards share calls where the servers allow it, and go shard by shard for a while where they refused.</summary>
public sealed class ShardsApartTests(RedisClusterFixture fixture) : IClassFixture<RedisClusterFixture>
{
    [Fact]
    public async Task A_call_that_was_refused_for_its_keys_is_made_shard_by_shard_for_a_minute_and_said_so()
    {
        var server = await SharedServers.RedisAsync();
        await using var engine = await TestEngine.StartAsync(new() { Item = static item => item.Shards = 4 });
        Assert.Null((await engine.StatusAsync()).ShardsApartUntil);
        await server.SendAsync("SET", $"{engine.Options.Prefix}:{{item:00}}:dirty", "somebody else's");
        string[] ids = [.. Enumerable.Range(0, 40).Select(static i => $"{i}")];

        // Which writes share a call is up to the moment they come.
        await Eventually.TrueAsync(async () =>
        {
            await Task.WhenAll(ids.Select(id => Record.ExceptionAsync(() => engine.Items.SetAsync(id, new Item(1)))));
            return (await engine.StatusAsync()).ShardsApartUntil > DateTimeOffset.UtcNow;
        });
        Assert.True(engine.Log.Has(LogLevel.Warning, "they go shard by shard"));
    }

    [Fact]
    public async Task After_that_while_calls_are_shared_again()
    {
        var server = await SharedServers.RedisAsync();
        var time = new ManualTime();
        await using var redis = new RedisConnections(new(ConfigurationOptions.Parse(server.Configuration)), TimeProvider.System);
        var options = new EntityTypeOptions<Item>("item") { Shards = 4 };
        var told = 0;
        var buffer = new EntityBuffer(
            redis, options, new() { KeyPrefix = SharedServers.FreshName() }, OpenGate.Instance, admission: null, time, _ => told++);
        var dirty = (string)buffer.Keys[0].Dirty!;
        await server.SendAsync("SET", dirty, "somebody else's");
        string[] ids = [.. Enumerable.Range(0, 40).Select(static i => $"{i}")];
        await WriteAsync(ids);
        Assert.NotNull(buffer.ApartUntil);
        Assert.Equal(1, told);

        time.Pass(CallsApart.Duration + TimeSpan.FromSeconds(1));

        Assert.Null(buffer.ApartUntil);
        await WriteAsync(ids);
        Assert.Equal(2, told);

        async Task WriteAsync(string[] written)
        {
            // Sent at once, so that all but the first few share a call; and those first ones must not be of the shard that fails, or what
            // waits behind them fails with them and is not sent.
            written = [.. written.OrderBy(id => buffer.Keys.ShardOf(id) == 0)];
            var read = await buffer.ReadManyAsync(written);
            var writes = written.Select((id, i) => buffer.WriteAsync(new WriteRequest(id, read[i].Known, [1], Nonce: "01"))).ToArray();
            await Task.WhenAll(writes.Select(write => Record.ExceptionAsync(() => write)));
        }
    }

    [Fact]
    public async Task What_the_client_library_itself_refuses_for_its_slots_is_of_the_keys_too()
    {
        await using var redis = new RedisConnections(new(ConfigurationOptions.Parse(fixture.Cluster.Configuration)), TimeProvider.System);

        var error = await Assert.ThrowsAsync<BufferUnavailableException>(() => redis.RunAsync(
            static db => db.ScriptEvaluateAsync("return 1", ["one", "two", "three"]), CancellationToken.None));

        Assert.IsType<RedisCommandException>(error.InnerException);
        Assert.True(RedisErrors.IsOfKeys(error));
        Assert.False(error.OutcomeUnknown);
    }

    [Fact]
    public async Task Whether_one_server_holds_all_shards_is_asked_anew_after_a_reconnect()
    {
        await using var server = await RedisServer.StartAsync(new() { AppendFsync = "always" });
        await using var engine = await TestEngine.StartAsync(new() { Redis = server.Configuration });
        var redis = (RedisConnections)engine.Services.GetService(typeof(RedisConnections))!;
        Assert.True(redis.IsOneServer);
        var proved = redis.Proofs;

        await server.RestartAsync();

        await Eventually.TrueAsync(() => redis.Proofs > proved && redis is { IsProved: true, IsOneServer: true });
    }

    // Found by ./chaos.sh: an index beyond what was asked, and on a cluster all shards taken for those of the first server.
    [Fact]
    public async Task Which_server_holds_each_shard_is_told_also_where_the_connection_is_made_anew_meanwhile()
    {
        await using var server = await RedisServer.StartAsync();
        var proof = new ServerProof("wb", ["wb:{item:0}", "wb:{item:1}"]);
        await using var redis = new RedisConnections(
            new(ConfigurationOptions.Parse(server.Configuration)), TimeProvider.System, proof: proof);
        await redis.ProveAsync(CancellationToken.None);
        Assert.True(redis.IsOneServer);
        var keys = new Meanwhile(["{0}", "{1}"], () => ReconnectAsync().GetAwaiter().GetResult());

        var ids = await RunIds.ReadAsync(redis, keys, CancellationToken.None);

        Assert.True(keys.HasPassed);
        Assert.Equal(2, ids.Length);
        Assert.Equal(ids[0], ids[1]);

        async Task ReconnectAsync()
        {
            await server.RestartAsync();
            await Eventually.TrueAsync(() => !redis.IsOneServer);
        }
    }

    /// <summary>Keys with which something happens before they are gone through for the second time.</summary>
    private sealed class Meanwhile(RedisKey[] keys, Action happens) : IReadOnlyList<RedisKey>
    {
        private int _rounds;

        public bool HasPassed => _rounds > 1;

        public int Count => keys.Length;

        public RedisKey this[int index] => keys[index];

        public IEnumerator<RedisKey> GetEnumerator()
        {
            if (++_rounds == 2)
            {
                happens();
            }

            return keys.AsEnumerable().GetEnumerator();
        }

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
