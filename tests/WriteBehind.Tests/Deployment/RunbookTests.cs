using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Deployment;

/// <summary>Chapters of docs/runbook.md, carried out.</summary>
public sealed class RunbookTests
{
    // What the runbook does with redis-cli.
    private const string UnlinkMatching =
        """
        local found = redis.call('KEYS', ARGV[1])
        for i = 1, #found do redis.call('UNLINK', found[i]) end
        return #found
        """;

    [Fact]
    public async Task The_number_of_shards_changes_once_the_keys_of_the_type_are_deleted()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var before = await StartAsync(new() { Redis = redis.Configuration, Item = static item => item.Shards = 4 });
        await before.Items.SetAsync("a", new Item(1));
        await before.Items.SetAsync("a", new Item(2));
        await before.FlushAllAsync();
        await before.StopAsync();

        var other = before.Options with { Probe = null, Item = static item => item.Shards = 7 };
        await Assert.ThrowsAsync<ConfigurationException>(() => TestEngine.StartAsync(other));

        Assert.Equal("1", await UnlinkAsync(redis, "wb:{item}:*"));
        Assert.NotEqual("0", await UnlinkAsync(redis, "wb:{item:*}:*"));
        await using var after = await TestEngine.StartAsync(other);

        Assert.Equal(2, (await after.Items.GetAsync("a"))!.State.Quantity);
        Assert.Equal(3, await after.Items.SetAsync("a", new Item(3)));
        await after.FlushAllAsync();
        Assert.Equal((3, 3), await RowAsync(after));
    }

    [Fact]
    public async Task A_database_from_an_earlier_point_in_time_counts_once_the_keys_are_deleted()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var before = await StartAsync(
            new() { Redis = redis.Configuration, Item = static item => item.AfterFlush = AfterFlush.Keep });
        await before.Items.SetAsync("a", new Item(1));
        await before.FlushAllAsync();
        await before.Items.SetAsync("a", new Item(2));
        await before.FlushAllAsync();
        await before.Items.SetAsync("a", new Item(3));
        await before.StopAsync();

        await before.Table.ExecuteAsync("""UPDATE items SET "Version" = 1, quantity = 1 WHERE id = 'a'""");
        Assert.NotEqual("0", await UnlinkAsync(redis, "wb:{*"));
        Assert.Equal("0", await redis.SendAsync("DBSIZE"));
        await using var after = await TestEngine.StartAsync(before.Options with { Probe = null });

        Assert.Equal(1, (await after.Items.GetAsync("a"))!.State.Quantity);
        await after.Items.UpdateAsync("a", static item => item! with { Quantity = item.Quantity + 10 });
        await after.FlushAllAsync();
        Assert.Equal((2, 11), await RowAsync(after));
    }

    [Fact]
    public async Task A_handover_to_a_replica_under_load_loses_no_acknowledged_write()
    {
        await using var old = await RedisServer.StartAsync(new() { ExtraArguments = ["--repl-diskless-sync-delay", "0"] });
        await using var next = await RedisServer.StartAsync(new() { ReplicaOf = old.Port });
        await Eventually.TrueAsync(
            async () => (await next.SendAsync("INFO", "replication"))!.Contains("master_link_status:up", StringComparison.Ordinal));
        await using var engine = await StartAsync(new()
        {
            Redis = $"127.0.0.1:{next.Port},{old.Configuration}",
            Sweep = true,
            Engine = static settings => settings.WriteTimeout = TimeSpan.FromSeconds(60),
        });

        var written = 0;
        var enough = new TaskCompletionSource();
        var writers = Enumerable.Range(0, 8).Select(writer => Task.Run(async () =>
        {
            for (var i = 1; !enough.Task.IsCompleted; i++)
            {
                await engine.Items.SetAsync($"e{writer}", new Item(i));
                Interlocked.Increment(ref written);
            }
        })).ToArray();
        await Eventually.TrueAsync(() => Volatile.Read(ref written) > 100);
        await old.SendAsync("FAILOVER", "TO", "127.0.0.1", $"{next.Port}");
        await Eventually.TrueAsync(
            async () => (await next.SendAsync("INFO", "replication"))!.Contains("role:master", StringComparison.Ordinal));
        var then = Volatile.Read(ref written);
        await Eventually.TrueAsync(() => Volatile.Read(ref written) > then + 100, because: "the writers find the new master");
        enough.SetResult();
        await Task.WhenAll(writers);

        await engine.FlushAllAsync();
        Assert.Equal(written, (await engine.Table.RowsAsync()).Values.Sum(row => row.Version));
        Assert.All((await engine.Table.RowsAsync()).Values, row => Assert.Equal(row.Version, row.Quantity));
    }

    private static Task<TestEngine> StartAsync(TestEngineOptions options) => TestEngine.StartAsync(options with { Prefix = "wb" });

    private static async Task<string?> UnlinkAsync(RedisServer redis, string pattern)
        => await redis.SendAsync("EVAL", UnlinkMatching, "0", pattern);

    private static async Task<(long Version, long Quantity)> RowAsync(TestEngine engine)
    {
        var row = (await engine.Table.RowAsync("a"))!;
        return (row.Version, row.Quantity);
    }
}
