using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Reads;

/// <summary>What a read of many entities costs, as Redis and PostgreSQL see it.</summary>
public sealed class MultiGetTests
{
    [Fact]
    public async Task A_multi_get_of_500_ids_is_one_round_trip_per_shard_and_one_query_for_all_that_Redis_lacks()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var engine = await TestEngine.StartAsync(new() { Redis = redis.Configuration, Item = item => item.Shards = 4 });
        string[] ids = [.. Enumerable.Range(0, 500).Select(i => $"e{i}")];
        await FillAsync(engine, ids, buffered: 250);
        await engine.Items.GetManyAsync(ids[..250]); // Redis knows the script from now on.
        var queries = Count(engine);

        var (found, calls) = await ReadAsync(redis, engine, ids);

        Assert.Equal(ids.Select((id, i) => (id, (long)i)).Order(), found);
        Assert.Equal(4, calls);
        Assert.Equal([250], queries);
    }

    [Fact]
    public async Task More_ids_than_fit_into_one_call_take_as_many_as_they_fill()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var engine = await TestEngine.StartAsync(new()
        {
            Redis = redis.Configuration,
            Item = item => (item.Shards, item.BatchSize) = (1, 100),
        });
        string[] ids = [.. Enumerable.Range(0, 1200).Select(i => $"e{i}")];
        await FillAsync(engine, ids, buffered: 950);
        await engine.Items.GetAsync(ids[0]);
        var queries = Count(engine);

        var (found, calls) = await ReadAsync(redis, engine, ids);

        Assert.Equal(ids.Select((id, i) => (id, (long)i)).Order(), found);
        Assert.Equal(3, calls);
        Assert.Equal([50, 100, 100], queries.Order());
    }

    [Fact]
    public async Task A_single_read_is_sent_at_once_and_a_multi_get_behind_it_in_one_call()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var engine = await TestEngine.StartAsync(new() { Redis = redis.Configuration, Item = item => item.Shards = 1 });
        string[] ids = [.. Enumerable.Range(0, 100).Select(i => $"e{i}")];
        await FillAsync(engine, ids, buffered: 100);

        using var monitor = await redis.MonitorAsync();
        var single = engine.Items.GetAsync("e0");
        var many = engine.Items.GetManyAsync(ids);
        await Task.WhenAll(single, many);

        // The first is sent as it comes, alone; the others together.
        Assert.Equal([1, 100], Reads(engine, await monitor.StopAsync()).Select(keys => keys.Length));
    }

    [Fact]
    public async Task One_that_can_not_be_read_fails_the_call_and_is_named()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var engine = await TestEngine.StartAsync(new() { Redis = redis.Configuration, Item = item => item.Shards = 1 });
        await engine.Items.SetAsync("a", new Item(1));
        using (var connection = await StackExchange.Redis.ConnectionMultiplexer.ConnectAsync(redis.Configuration))
        {
            await connection.GetDatabase().StringSetAsync($"{engine.Options.Prefix}:{{item:00}}:e:b", "somebody else's");
        }

        var error = await Assert.ThrowsAsync<BufferUnavailableException>(() => engine.Items.GetManyAsync(["a", "b", "c"]));

        Assert.Equal(("item", "b"), (error.EntityType, error.EntityId));
        Assert.Equal(["a"], (await engine.Items.GetManyAsync(["a", "c"])).Keys);
    }

    /// <summary>The first so many are dirty in Redis, the others rows of the database.</summary>
    private static async Task FillAsync(TestEngine engine, string[] ids, int buffered)
    {
        await Task.WhenAll(ids[..buffered].Select((id, i) => engine.Items.SetAsync(id, new Item(i))));
        await engine.Table.ExecuteAsync(
            $"""
            INSERT INTO items (id, quantity, "Version")
            SELECT 'e' || i, i, 1 FROM generate_series({buffered}, {ids.Length - 1}) AS i
            """);
    }

    /// <summary>How many ids each query asks for from now on.</summary>
    private static List<int> Count(TestEngine engine)
    {
        var queries = new List<int>();
        engine.Sink.BeforeLoad = ids =>
        {
            lock (queries)
            {
                queries.Add(ids.Count);
            }

            return Task.CompletedTask;
        };
        return queries;
    }

    private static async Task<((string Id, long Quantity)[] Found, int Calls)> ReadAsync(RedisServer redis, TestEngine engine, string[] ids)
    {
        using var monitor = await redis.MonitorAsync();
        var found = await engine.Items.GetManyAsync(ids);
        var commands = await monitor.StopAsync();
        return ([.. found.Select(pair => (pair.Key, pair.Value.State.Quantity)).Order()], Reads(engine, commands).Length);
    }

    /// <summary>The entities' keys in each command that a client sent about any. (The engine's own watch asks for other keys.)</summary>
    private static string[][] Reads(TestEngine engine, IReadOnlyList<MonitoredCommand> commands) =>
    [
        .. commands.Where(command => !command.FromScript)
            .Select(command => command.Arguments.Where(argument => argument.StartsWith(
                $"{engine.Options.Prefix}:{{item:", StringComparison.Ordinal)
                && argument.Contains("}:e:", StringComparison.Ordinal)).ToArray())
            .Where(keys => keys.Length > 0),
    ];
}
