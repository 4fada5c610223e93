using WriteBehind.Caching;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Caching;

public sealed class InvalidationTests
{
    [Theory]
    [OnBoth]
    public async Task A_removed_entry_is_loaded_anew(Servers on)
    {
        await using var node = await CacheNode.StartAsync(on);
        var loader = new Loader();
        await node.Cache.GetOrLoadAsync("a", loader.LoadAsync);
        await node.Cache.RemoveAsync("a");
        Assert.Equal(2, (await node.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
    }

    [Theory]
    [OnBoth(1)]
    [OnBoth(8)]
    public async Task One_tag_makes_all_its_entries_obsolete_at_once_and_no_others(Servers on, int shards)
    {
        await using var node = await CacheNode.StartAsync(on, cache => cache.Shards = shards);
        var loader = new Loader();
        for (var i = 0; i < 20; i++)
        {
            await node.Cache.GetOrLoadAsync($"red{i}", loader.LoadAsync, ["red", "any"]);
            await node.Cache.GetOrLoadAsync($"blue{i}", loader.LoadAsync, ["blue", "any"]);
        }

        await node.Cache.RemoveTagAsync("red");
        for (var i = 0; i < 20; i++)
        {
            Assert.True((await node.Cache.GetOrLoadAsync($"red{i}", loader.LoadAsync, ["red"]))!.Number > 40);
            Assert.True((await node.Cache.GetOrLoadAsync($"blue{i}", loader.LoadAsync, ["blue"]))!.Number <= 40);
        }
    }

    [Fact]
    public async Task Tags_that_were_lost_do_not_make_their_entries_fresh_again()
    {
        await using var node = await CacheNode.StartAsync();
        var loader = new Loader();
        await node.Cache.GetOrLoadAsync("a", loader.LoadAsync, ["red"]);
        await node.Cache.RemoveTagAsync("red");

        // Not by their own end: they outlast the control key's word on until when there are some.
        var redis = await SharedServers.RedisAsync();
        var until = long.Parse(
            (await redis.SendAsync("HGET", node.KeyOf("control"), "g"))!, System.Globalization.CultureInfo.InvariantCulture);
        var left = (until / 1000) - DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        var expiry = long.Parse((await redis.SendAsync("PTTL", node.KeyOf("tags")))!, System.Globalization.CultureInfo.InvariantCulture);
        Assert.InRange(expiry, left, left + 120_000);
        await redis.SendAsync("DEL", node.KeyOf("tags"));
        Assert.Equal(2, (await node.Cache.GetOrLoadAsync("a", loader.LoadAsync, ["red"]))!.Number);
        Assert.Equal(2, (await node.Cache.GetOrLoadAsync("a", loader.LoadAsync, ["red"]))!.Number);
    }

    [Fact]
    public async Task A_new_version_of_the_namespace_makes_every_entry_obsolete_without_touching_one()
    {
        await using var node = await CacheNode.StartAsync(cache => cache.MaxStale = TimeSpan.FromMinutes(1));
        var loader = new Loader();
        await node.Cache.GetOrLoadAsync("a", loader.LoadAsync);
        await node.Cache.RemoveAllAsync();
        Assert.Equal("2", await (await SharedServers.RedisAsync()).SendAsync("EXISTS", node.KeyOf("e1:a"), node.KeyOf("d1:a")));

        // Not even as a stale value: what was invalidated is never given.
        loader.OnCall = static _ => throw new TimeoutException();
        await Assert.ThrowsAsync<CacheLoadException>(async () => await node.Cache.GetOrLoadAsync("a", loader.LoadAsync));
        loader.OnCall = static call => Task.FromResult<Page?>(new Page(call));
        Assert.Equal(3, (await node.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
        Assert.Equal(3, (await node.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
    }

    [Theory]
    [OnBoth]
    public async Task Releases_with_different_schemas_keep_apart_and_hear_of_each_others_removals(Servers on)
    {
        await using var old = await CacheNode.StartAsync(on);
        await using var next = await old.StartOtherAsync(cache => cache.SchemaVersion = 2);
        var (before, after) = (new Loader(), new Loader());
        await old.Cache.GetOrLoadAsync("a", before.LoadAsync);
        await next.Cache.GetOrLoadAsync("a", after.LoadAsync);
        Assert.Equal((1, 1), (before.Calls, after.Calls));

        await next.Cache.RemoveAsync("a");
        await old.Cache.GetOrLoadAsync("a", before.LoadAsync);
        await old.Cache.RemoveAsync("a");
        await next.Cache.GetOrLoadAsync("a", after.LoadAsync);
        Assert.Equal((2, 2), (before.Calls, after.Calls));
    }

    [Theory]
    [OnBoth("key")]
    [OnBoth("tag")]
    [OnBoth("all")]
    public async Task A_load_that_began_before_an_invalidation_is_not_stored_after_it(Servers on, string kind)
    {
        await using var node = await CacheNode.StartAsync(on);
        await using var other = await node.StartOtherAsync();
        using var counters = new CacheCounters(node.Name);
        var (reached, go) = (new TaskCompletionSource(), new TaskCompletionSource());
        var loader = new Loader
        {
            OnCall = async call =>
            {
                if (call == 1)
                {
                    reached.SetResult();
                    await go.Task;
                }

                return new Page(call);
            },
        };

        var slow = node.Cache.GetOrLoadAsync("a", loader.LoadAsync, ["red"]).AsTask();
        await reached.Task;
        await (kind switch
        {
            "key" => other.Cache.RemoveAsync("a"),
            "tag" => other.Cache.RemoveTagAsync("red"),
            _ => other.Cache.RemoveAllAsync(),
        });
        go.SetResult();

        Assert.Equal(1, (await slow)!.Number);
        Assert.Equal(1, counters[CacheDiagnostics.FillsRefused]);
        Assert.Equal(2, (await other.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
        Assert.Equal(2, (await node.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
    }

    [Theory]
    [OnBoth]
    public async Task A_caller_does_not_join_a_load_that_began_before_its_own_removal(Servers on)
    {
        await using var node = await CacheNode.StartAsync(on, Patient);
        var (reached, go) = (new TaskCompletionSource(), new TaskCompletionSource());
        var loader = new Loader
        {
            OnCall = async call =>
            {
                if (call == 1)
                {
                    reached.SetResult();
                    await go.Task;
                }

                return new Page(call);
            },
        };
        var slow = node.Cache.GetOrLoadAsync("a", loader.LoadAsync).AsTask();
        await reached.Task;
        await node.Cache.RemoveAsync("a");
        Assert.Equal(2, (await node.Cache.GetOrLoadAsync("a", loader.LoadAsync).AsTask().WaitAsync(Eventually.DefaultDeadline))!.Number);
        go.SetResult();
        Assert.Equal(1, (await slow)!.Number);
        Assert.Equal(2, (await node.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
    }

    [Theory]
    [OnBoth("key")]
    [OnBoth("tag")]
    [OnBoth("all")]
    [OnBoth("own")]
    public async Task After_an_invalidation_nobody_waits_for_a_load_that_began_before_it_and_one_loads_for_all(Servers on, string kind)
    {
        await using var node = await CacheNode.StartAsync(on, Patient);
        await using var other = kind == "own" ? node : await node.StartOtherAsync(Patient);
        await using var third = await node.StartOtherAsync(Patient);
        using var counters = new CacheCounters(node.Name);
        var (reached, go) = (new TaskCompletionSource(), new TaskCompletionSource());
        var (second, end) = (new TaskCompletionSource(), new TaskCompletionSource());
        var loader = new Loader
        {
            OnCall = async call =>
            {
                // The first gives the entry its tags, the second is the one that is overtaken.
                await (call switch { 2 => HoldAsync(reached, go), 3 => HoldAsync(second, end), _ => Task.CompletedTask });
                return new Page(call);
            },
        };
        async Task<Page?> ReadAsync(CacheNode by) => await by.Cache.GetOrLoadAsync("a", loader.LoadAsync, ["red"]);
        await ReadAsync(node);
        await node.Cache.RemoveTagAsync("red");
        var overtaken = ReadAsync(node);
        await reached.Task;

        await (kind switch
        {
            "tag" => other.Cache.RemoveTagAsync("red"),
            "all" => other.Cache.RemoveAllAsync(),
            _ => other.Cache.RemoveAsync("a"),
        });
        var reads = new List<Task<Page?>> { ReadAsync(other) };
        await second.Task.WaitAsync(Eventually.DefaultDeadline);

        // The one that was overtaken ends, and its lock is not that of the new load: still nobody else loads.
        go.SetResult();
        Assert.Equal(2, (await overtaken)!.Number);
        reads.Add(ReadAsync(third));
        await Eventually.TrueAsync(() => counters[CacheDiagnostics.LockWaits] >= 1);
        end.SetResult();
        Assert.All(await Task.WhenAll(reads), static page => Assert.Equal(3, page!.Number));
        Assert.Equal(3, loader.Calls);
    }

    [Theory]
    [OnBoth]
    public async Task An_older_load_that_ends_later_does_not_overwrite_a_newer_one(Servers on)
    {
        await using var slowNode = await CacheNode.StartAsync(on, cache => cache.LockAcrossProcesses = false);
        await using var quickNode = await slowNode.StartOtherAsync(cache => cache.LockAcrossProcesses = false);
        var (reached, go) = (new TaskCompletionSource(), new TaskCompletionSource());
        var slow = slowNode.Cache.GetOrLoadAsync<Page>("a", async _ =>
        {
            reached.SetResult();
            await go.Task;
            return new Page(1);
        }).AsTask();
        await reached.Task;
        await quickNode.Cache.GetOrLoadAsync<Page>("a", static _ => Task.FromResult<Page?>(new Page(2)));
        go.SetResult();
        await slow;
        Assert.Equal(2, (await slowNode.Cache.GetOrLoadAsync("a", new Loader().LoadAsync))!.Number);
    }

    [Theory]
    [OnBoth]
    public async Task A_caller_does_not_join_a_load_that_began_before_a_removal_by_another_node(Servers on)
    {
        await using var node = await CacheNode.StartAsync(on, Patient);
        await using var other = await node.StartOtherAsync();
        using var counters = new CacheCounters(node.Name);
        var loader = new Loader();
        await node.Cache.GetOrLoadAsync("b", loader.LoadAsync);
        await Eventually.TrueAsync(async () =>
        {
            await other.Cache.RemoveAsync("b");
            return counters[CacheDiagnostics.InvalidationsReceived] > 0;
        });

        var (reached, go) = (new TaskCompletionSource(), new TaskCompletionSource());
        var slow = node.Cache.GetOrLoadAsync<Page>("a", async _ =>
        {
            reached.SetResult();
            await go.Task;
            return new Page(0);
        }).AsTask();
        await reached.Task;
        await other.Cache.RemoveAsync("a");
        await Eventually.TrueAsync(() =>
        {
            _ = node.Cache.GetOrLoadAsync("a", loader.LoadAsync).AsTask();
            return loader.Calls > 1;
        });
        Assert.False(slow.IsCompleted);
        go.SetResult();
        await slow;
    }

    [Fact]
    public async Task A_redis_that_went_back_to_before_a_removal_does_not_bring_the_entry_back()
    {
        await using var node = await CacheNode.StartAsync();
        using var counters = new CacheCounters(node.Name);
        var (redis, loader) = (await SharedServers.RedisAsync(), new Loader());
        await node.Cache.GetOrLoadAsync("a", loader.LoadAsync);
        await Eventually.TrueAsync(async () =>
        {
            await node.Cache.RemoveAsync("b");
            return counters[CacheDiagnostics.InvalidationsReceived] > 0;
        });

        string[] parts = ["e1:a", "d1:a", "control"];
        foreach (var part in parts)
        {
            await redis.SendAsync("COPY", node.KeyOf(part), node.KeyOf($"{part}:before"));
        }

        var heard = counters[CacheDiagnostics.InvalidationsReceived];
        await node.Cache.RemoveAsync("a");
        await Eventually.TrueAsync(() => counters[CacheDiagnostics.InvalidationsReceived] > heard);
        foreach (var part in parts)
        {
            await redis.SendAsync("COPY", node.KeyOf($"{part}:before"), node.KeyOf(part), "REPLACE");
        }

        await Eventually.TrueAsync(async () => (await node.Cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number == 2);
        await Eventually.TrueAsync(() => node.Engine.Log.Has(Microsoft.Extensions.Logging.LogLevel.Warning, "forgotten invalidations"));
    }

    [Fact]
    public async Task A_redis_that_came_back_empty_takes_no_load_from_before()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var node = await CacheNode.StartAsync(redis: redis.Configuration);
        var (reached, go) = (new TaskCompletionSource(), new TaskCompletionSource());
        var slow = node.Cache.GetOrLoadAsync<Page>("a", async _ =>
        {
            reached.SetResult();
            await go.Task;
            return new Page(1);
        }).AsTask();
        await reached.Task;
        await redis.SendAsync("FLUSHALL");
        await node.Cache.RemoveAsync("b");
        go.SetResult();
        await slow;
        Assert.Equal("0", await redis.SendAsync("EXISTS", node.KeyOf("e1:a"), node.KeyOf("d1:a")));
    }

    [Fact]
    public async Task Two_processes_with_different_shard_counts_are_an_error_and_not_two_caches()
    {
        await using var node = await CacheNode.StartAsync();
        await using var other = await node.StartOtherAsync(cache => cache.Shards = 2);
        await node.Cache.GetOrLoadAsync("a", new Loader().LoadAsync);
        var error = await Assert.ThrowsAsync<ConfigurationException>(
            async () => await other.Cache.GetOrLoadAsync("a", new Loader().LoadAsync));
        Assert.Equal("Shards", error.Setting);
    }

    /// <summary>Waits longer than any test: who gets on did not wait for it.</summary>
    private static void Patient(CacheOptions cache)
        => (cache.LockWait,
            cache.LoadTimeout, cache.FenceTime) = (TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(20));

    private static async Task HoldAsync(TaskCompletionSource reached, TaskCompletionSource go)
    {
        reached.SetResult();
        await go.Task;
    }
}
