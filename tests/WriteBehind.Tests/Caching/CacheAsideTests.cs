using WriteBehind.Caching;
using WriteBehind.Redis;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Caching;

public sealed class CacheAsideTests
{
    [Theory]
    [OnBoth]
    public async Task A_value_is_loaded_once_and_then_read_by_every_process(Servers on)
    {
        await using var first = await CacheNode.StartAsync(on);
        await using var second = await first.StartOtherAsync();
        using var counters = new CacheCounters(first.Name);
        var loader = new Loader();

        Assert.Equal(1, (await first.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
        Assert.Equal(1, (await first.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
        Assert.Equal(1, (await second.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);

        Assert.Equal(1, loader.Calls);
        Assert.Equal((2, 1, 1), (counters[CacheDiagnostics.Hits], counters[CacheDiagnostics.Misses], counters[CacheDiagnostics.Loads]));
        Assert.Equal(1, counters[CacheDiagnostics.LoadDuration]);
    }

    [Fact]
    public async Task That_there_is_none_is_remembered_too_and_for_a_shorter_time()
    {
        await using var node = await CacheNode.StartAsync(
            cache => (cache.Ttl, cache.NegativeTtl) = (TimeSpan.FromHours(3), TimeSpan.FromHours(1)));
        var loader = new Loader { OnCall = static call => Task.FromResult(call == 1 ? null : new Page(call)) };

        Assert.Null(await node.Cache.GetOrLoadAsync("a", loader.LoadAsync));
        Assert.Null(await node.Cache.GetOrLoadAsync("a", loader.LoadAsync));
        Assert.Equal(1, loader.Calls);

        Assert.InRange(await MinutesLeftAsync(node, "x"), 58, 60);
        await EndInAsync(node, "x", TimeSpan.FromSeconds(-1));
        Assert.Equal(2, (await node.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
        Assert.InRange(await MinutesLeftAsync(node, "x"), 178, 180);
    }

    [Fact]
    public async Task Every_entry_expires_and_its_time_to_live_varies_by_the_jitter()
    {
        await using var node = await CacheNode.StartAsync(cache =>
        {
            (cache.Ttl, cache.Jitter, cache.FenceTime, cache.LoadTimeout) =
                (TimeSpan.FromSeconds(1000), 0.5, TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(1));
        });
        var keys = Enumerable.Range(0, 50).Select(i => $"k{i}").ToArray();
        await node.Cache.GetOrLoadManyAsync(keys, LoadAllAsync);
        var redis = await SharedServers.RedisAsync();
        var left = new List<long>();
        foreach (var key in keys)
        {
            left.Add(
                long.Parse((await redis.SendAsync("PTTL", node.KeyOf($"e1:{key}")))!, System.Globalization.CultureInfo.InvariantCulture));
        }

        Assert.All(left, time => Assert.InRange(time, 499_000, 1_000_000));
        Assert.True(left.Max() - left.Min() > 100_000, "50 draws over half of the time lie in one fifth of it with a chance below 1e-15.");
    }

    [Fact]
    public async Task A_sliding_entry_stays_while_it_is_read_and_not_beyond_its_absolute_end()
    {
        await using var node = await CacheNode.StartAsync(cache =>
            (cache.Ttl,
                cache.SlidingTtl, cache.NegativeTtl, cache.Jitter) = (TimeSpan.FromHours(3), TimeSpan.FromHours(1), TimeSpan.Zero, 0));
        var loader = new Loader();
        await node.Cache.GetOrLoadAsync("a", loader.LoadAsync);
        Assert.InRange(await MinutesLeftAsync(node, "x"), 58, 60);
        Assert.InRange(await MinutesLeftAsync(node, "a"), 178, 180);

        // Nobody read it for half an hour.
        await EndInAsync(node, "x", TimeSpan.FromMinutes(30));
        Assert.Equal(1, (await node.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
        Assert.InRange(await MinutesLeftAsync(node, "x"), 58, 60);

        // Near its absolute end.
        await EndInAsync(node, "a", TimeSpan.FromMinutes(40));
        await EndInAsync(node, "x", TimeSpan.FromMinutes(10));
        Assert.Equal(1, (await node.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
        Assert.InRange(await MinutesLeftAsync(node, "x"), 38, 40);

        await EndInAsync(node, "x", TimeSpan.FromSeconds(-1));
        Assert.Equal(2, (await node.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
    }

    [Fact]
    public async Task A_multi_get_of_500_keys_is_one_round_trip_for_all_hits_and_one_load_for_all_misses()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var node = await CacheNode.StartAsync(redis: redis.Configuration);
        var keys = Enumerable.Range(0, 500).Select(i => $"k{i}").ToArray();
        await node.Cache.GetOrLoadManyAsync(keys[..100], LoadAllAsync);
        var loads = new List<int>();

        using var monitor = await redis.MonitorAsync();
        var cold = await node.Cache.GetOrLoadManyAsync(keys, (missing, _) =>
        {
            loads.Add(missing.Count);
            return LoadAllAsync(missing, default);
        });
        await node.Cache.GetOrLoadManyAsync(keys, LoadAllAsync);
        var commands = await monitor.StopAsync();

        Assert.Equal(500, cold.Count);
        Assert.Equal([400], loads);

        // A look, then a read with locks and a fill for what is missing; then a look. The engine's own watch asks for other keys.
        Assert.Equal(4, commands.Count(command => !command.FromScript && command.Name is "EVALSHA" or "EVAL"
            && command.Arguments.Any(argument => argument == node.KeyOf("control"))));
    }

    [Fact]
    public async Task A_multi_get_of_a_cache_with_shards_is_one_round_trip_per_shard()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var node = await CacheNode.StartAsync(cache => cache.Shards = 4, redis: redis.Configuration);
        var keys = Enumerable.Range(0, 500).Select(i => $"k{i}").ToArray();
        await node.Cache.GetOrLoadManyAsync(keys, LoadAllAsync);

        using var monitor = await redis.MonitorAsync();
        Assert.Equal(500, (await node.Cache.GetOrLoadManyAsync(keys, LoadAllAsync)).Count);
        var commands = await monitor.StopAsync();
        Assert.Equal(4, commands.Count(command => !command.FromScript && command.Name is "EVALSHA"
            && command.Arguments.Any(argument => argument.Contains("{cache.", StringComparison.Ordinal))));
    }

    [Fact]
    public async Task A_read_that_has_ended_is_not_joined_while_others_of_its_call_go_on()
    {
        await using var node = await CacheNode.StartAsync();
        await node.Cache.GetOrLoadAsync("a", new Loader().LoadAsync);
        var (reached, go) = (new TaskCompletionSource(), new TaskCompletionSource());
        var both = node.Cache.GetOrLoadManyAsync(["a", "b"], async (keys, cancellation) =>
        {
            reached.SetResult();
            await go.Task;
            return await LoadAllAsync(keys, cancellation);
        });
        await reached.Task;

        // Told to nobody, so that only a look into Redis can find it out.
        await (await SharedServers.RedisAsync()).SendAsync("DEL", node.KeyOf("e1:a"), node.KeyOf("d1:a"));
        Assert.Equal(7, (await node.Cache.GetOrLoadAsync<Page>("a", static _ => Task.FromResult<Page?>(new Page(7))))!.Number);
        go.SetResult();
        Assert.Equal(2, (await both).Count);
    }

    [Theory]
    [OnBoth]
    public async Task What_a_loader_of_many_leaves_out_is_remembered_under_the_same_tags(Servers on)
    {
        await using var node = await CacheNode.StartAsync(on);
        Assert.Single(await node.Cache.GetOrLoadManyAsync(["a", "b"], static (_, token) => LoadAllAsync(["a"], token), ["red"]));
        Assert.Single(await node.Cache.GetOrLoadManyAsync(["a", "b"], LoadAllAsync, ["red"]));
        await node.Cache.RemoveTagAsync("red");
        Assert.Equal(2, (await node.Cache.GetOrLoadManyAsync(["a", "b"], LoadAllAsync, ["red"])).Count);
    }

    [Theory]
    [OnBoth]
    public async Task The_error_of_a_loader_reaches_the_caller_as_the_cause_and_is_not_remembered(Servers on)
    {
        await using var node = await CacheNode.StartAsync(on);
        var loader = new Loader
        {
            OnCall = static call => call == 1 ? throw new InvalidDataException("no such disk") : Task.FromResult<Page?>(new Page(call)),
        };

        var error = await Assert.ThrowsAsync<CacheLoadException>(async () => await node.Cache.GetOrLoadAsync("a", loader.LoadAsync));
        Assert.IsType<InvalidDataException>(error.InnerException);
        Assert.Contains("no such disk", error.Message, StringComparison.Ordinal);
        Assert.Equal((node.Name, "a"), (error.EntityType, error.EntityId));
        Assert.Equal(2, (await node.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
    }

    [Theory]
    [OnBoth]
    public async Task A_load_that_takes_too_long_ends_with_an_error_and_its_token_is_cancelled(Servers on)
    {
        await using var node = await CacheNode.StartAsync(on, cache => cache.LoadTimeout = TimeSpan.FromMilliseconds(200));
        var cancelled = new TaskCompletionSource();
        var error = await Assert.ThrowsAsync<CacheLoadException>(async () => await node.Cache.GetOrLoadAsync<Page>("a", token =>
        {
            token.Register(cancelled.SetResult);
            return new TaskCompletionSource<Page?>().Task;
        }));
        Assert.IsType<TimeoutException>(error.InnerException);
        await cancelled.Task.WaitAsync(Eventually.DefaultDeadline);
    }

    [Fact]
    public async Task A_stale_value_is_given_where_the_load_fails_and_the_database_is_left_alone_for_a_while()
    {
        await using var node = await CacheNode.StartAsync(cache =>
            (cache.Ttl, cache.NegativeTtl, cache.MaxStale, cache.StalePause) = (TimeSpan.FromHours(1),
                TimeSpan.Zero, TimeSpan.FromHours(2), TimeSpan.FromMinutes(30)));
        using var counters = new CacheCounters(node.Name);
        var loader = new Loader
        {
            OnCall = static call => call == 1 ? Task.FromResult<Page?>(new Page(1)) : throw new TimeoutException("database down"),
        };
        await node.Cache.GetOrLoadAsync("a", loader.LoadAsync);

        await EndInAsync(node, "x", TimeSpan.FromHours(-1));
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(1, (await node.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
        }

        Assert.Equal((2, 20, 1), (loader.Calls, counters[CacheDiagnostics.StaleHits], counters[CacheDiagnostics.Misses]));
        await EndInAsync(node, "p", TimeSpan.FromSeconds(-1));
        Assert.Equal(1, (await node.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
        Assert.Equal(3, loader.Calls);

        // Bounded: after MaxStale the error comes through.
        await EndInAsync(node, "x", TimeSpan.FromHours(-3));
        var error = await Assert.ThrowsAsync<CacheLoadException>(async () => await node.Cache.GetOrLoadAsync("a", loader.LoadAsync));
        Assert.IsType<TimeoutException>(error.InnerException);
    }

    [Fact]
    public async Task An_entry_that_cannot_be_read_is_loaded_anew_and_replaced()
    {
        await using var node = await CacheNode.StartAsync();
        var loader = new Loader();
        await node.Cache.GetOrLoadAsync("a", loader.LoadAsync);
        await (await SharedServers.RedisAsync()).SendAsync("APPEND", node.KeyOf("d1:a"), "no json");

        Assert.Equal(2, (await node.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
        Assert.Equal(2, (await node.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
    }

    [Theory]
    [OnBoth]
    public async Task A_value_that_cannot_be_read_at_all_is_loaded_anew(Servers on)
    {
        await using var node = await CacheNode.StartAsync(on);
        await using var other = await node.StartOtherAsync(
            static cache => cache.Json = new() { Converters = { new ThrowingConverter<Page>() } });
        var loader = new Loader();
        await node.Cache.GetOrLoadAsync("a", loader.LoadAsync);
        Assert.Equal(2, (await other.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
    }

    [Fact]
    public async Task Many_large_values_are_stored_in_calls_of_a_bounded_size()
    {
        await using var node = await CacheNode.StartAsync();
        var keys = Enumerable.Range(0, 9).Select(i => $"k{i}").ToArray();
        await node.Cache.GetOrLoadManyAsync<string>(keys, static (wanted, _)
            => Task.FromResult<IReadOnlyDictionary<string, string>>(
                wanted.ToDictionary(key => key, key => key + new string('x', 1_000_000))));
        var read = await node.Cache.GetOrLoadManyAsync<string>(
            keys, static (_, _) => throw new InvalidOperationException("loaded again (test)"));
        Assert.All(read, static pair => Assert.StartsWith(pair.Key + "x", pair.Value, StringComparison.Ordinal));
        Assert.Equal(9, read.Count);

        Assert.Equal([[1, 2], [3], [9], [1, 1, 1], [1]], Chunks.Of([1, 2, 3, 9, 1, 1, 1, 1], 3, static size => size, 4));
        Assert.Empty(Chunks.Of(Array.Empty<int>(), 3, static size => size, 4));
    }

    [Fact]
    public async Task A_key_that_holds_something_foreign_is_read_past_and_left_alone()
    {
        await using var node = await CacheNode.StartAsync();
        var redis = await SharedServers.RedisAsync();
        await redis.SendAsync("SET", node.KeyOf("e1:a"), "mine");
        await redis.SendAsync("HSET", node.KeyOf("d1:b"), "field", "mine");
        string[] keys = ["a", "b"];
        foreach (var key in keys)
        {
            var loader = new Loader();
            Assert.Equal(1, (await node.Cache.GetOrLoadAsync(key, loader.LoadAsync))!.Number);
            Assert.Equal(2, (await node.Cache.GetOrLoadAsync(key, loader.LoadAsync))!.Number);
        }

        Assert.Equal("mine", await redis.SendAsync("GET", node.KeyOf("e1:a")));
        Assert.Equal("mine", await redis.SendAsync("HGET", node.KeyOf("d1:b"), "field"));
    }

    [Theory]
    [InlineData("not a content")]
    [InlineData("p1 2")]
    [InlineData("p1 99999999999999999 x 1\n{}")]
    [InlineData("p9999999999999999 9223372036854775807 1 \n{}")]
    [InlineData("p9999999999999999 99999999999999999 1e300 \n{}")]
    [InlineData("")]
    public async Task A_content_that_nobody_wrote_like_this_is_no_value(string foreign)
    {
        await using var node = await CacheNode.StartAsync();
        var loader = new Loader();
        await node.Cache.GetOrLoadAsync("a", loader.LoadAsync);
        await (await SharedServers.RedisAsync()).SendAsync("SET", node.KeyOf("d1:a"), foreign);
        Assert.Equal(2, (await node.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
        Assert.Equal(2, (await node.Cache.GetOrLoadManyAsync(["a", "b"], LoadAllAsync)).Count);
    }

    [Theory]
    [InlineData("e1:a", 1)]
    [InlineData("d1:a", 2)]
    public async Task An_entry_of_which_redis_evicted_a_part_is_whole_or_none(string evicted, int expected)
    {
        await using var node = await CacheNode.StartAsync();
        var loader = new Loader();
        await node.Cache.GetOrLoadAsync("a", loader.LoadAsync);
        await (await SharedServers.RedisAsync()).SendAsync("DEL", node.KeyOf(evicted));
        Assert.Equal(expected, (await node.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
        await node.Cache.RemoveAsync("a");
        Assert.Equal(expected + 1, (await node.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
    }

    [Fact]
    public async Task A_slow_load_does_not_replace_a_newer_content_whose_entry_redis_evicted()
    {
        await using var node = await CacheNode.StartAsync();
        await using var other = await node.StartOtherAsync(static cache => cache.LockWait = TimeSpan.FromMilliseconds(10));
        var (reached, go) = (new TaskCompletionSource(), new TaskCompletionSource());
        var slow = node.Cache.GetOrLoadAsync<Page>("a", async _ =>
        {
            reached.SetResult();
            await go.Task;
            return new Page(1);
        }).AsTask();
        await reached.Task;
        Assert.Equal(2, (await other.Cache.GetOrLoadAsync<Page>("a", static _ => Task.FromResult<Page?>(new Page(2))))!.Number);
        await (await SharedServers.RedisAsync()).SendAsync("DEL", node.KeyOf("e1:a"));
        go.SetResult();
        Assert.Equal(1, (await slow)!.Number);
        Assert.Equal(2, (await node.Cache.GetOrLoadAsync("a", new Loader().LoadAsync))!.Number);
    }

    [Fact]
    public async Task A_hit_takes_one_read_of_its_content_and_a_look_at_the_namespace()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var node = await CacheNode.StartAsync(redis: redis.Configuration);
        var loader = new Loader();
        await node.Cache.GetOrLoadManyAsync(["a", "b"], LoadAllAsync);
        using var monitor = await redis.MonitorAsync();
        await node.Cache.GetOrLoadManyAsync(["a", "b"], LoadAllAsync);
        await node.Cache.GetOrLoadAsync("a", loader.LoadAsync);
        var commands = await monitor.StopAsync();

        Assert.Equal(0, loader.Calls);
        Assert.Equal(2, commands.Count(command => command.Arguments.Contains(node.KeyOf("d1:a"))));
        Assert.DoesNotContain(commands, command => command.Arguments.Contains(node.KeyOf("e1:a")));
    }

    /// <summary>How long until the time in a field of the entry <c>a</c>.</summary>
    private static async Task<double> MinutesLeftAsync(CacheNode node, string field)
    {
        var time = long.Parse(
            (await (await SharedServers.RedisAsync()).SendAsync("HGET", node.KeyOf("e1:a"), field))!,
            System.Globalization.CultureInfo.InvariantCulture);
        return (DateTimeOffset.UnixEpoch.AddMicroseconds(time) - DateTimeOffset.UtcNow).TotalMinutes;
    }

    /// <summary>
    /// Puts the time in a field of the entry <c>a</c> to so long from now: what would have become of it by itself, without the wait.
    /// </summary>
    private static async Task EndInAsync(CacheNode node, string field, TimeSpan time)
        => await node.SetFieldAsync(
            "a", field, ((long)(DateTimeOffset.UtcNow + time - DateTimeOffset.UnixEpoch).TotalMicroseconds).ToString(
                System.Globalization.CultureInfo.InvariantCulture));

    private static Task<IReadOnlyDictionary<string, Page>> LoadAllAsync(IReadOnlyList<string> keys, CancellationToken cancellationToken)
        => Task.FromResult<IReadOnlyDictionary<string, Page>>(keys.ToDictionary(key => key, key => new Page(key.Length)));
}
